"""Methods that change something: kick, ban, pause, reload. Each asks the front or the master, which have the last word.

Runs in: panel. Never: carries a change out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from difflib import get_close_matches
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.gather import need_services, network_of, number_of, peer_in, session, sessions
from superd.panel.queries import chosen_sessions
from superd.panel.steps import Call, Method, Refusal, Step, ToMaster

WIDE = {4: 8, 6: 16}
"""Prefix lengths below which a ban is nearly of everything, and needs a yes."""


def kick(call: Call) -> Method:
    """End sessions by id, or those of a source, a service, or both."""
    ids = [str(text) for text in call.parameters.get("ids", ())]
    if bool(ids) == bool(call.text("source") or call.text("service")):
        raise Refusal("org.varlink.service.InvalidParameter", parameter="ids")
    rows = (yield from _named(ids)) if ids else (yield from chosen_sessions(call))
    if ids and not rows:
        live = [str(session(row)["id"]) for row in (yield from sessions())]
        near = get_close_matches(ids[0], live, n=1, cutoff=0.5)
        raise Refusal("NotFound", text=f"no session `{ids[0]}` is live", nearest=near[0] if near else "")
    shown = [session(row) for row in rows]
    unknown = sorted(set(ids) - {str(found["id"]) for found in shown})
    if call.truth("dry_run"):
        return {"ended": shown, "unknown": unknown}
    ended = yield from _end(rows, now=call.truth("now"), ban=False)
    return {"ended": ended, "unknown": unknown}


def _named(ids: list[str]) -> Generator[Step, Any, list[front.SessionRow]]:
    wanted = {number_of(text) for text in ids}
    rows = yield from sessions()
    return [row for row in rows if row.conn in wanted]


def _end(rows: list[front.SessionRow], *, now: bool, ban: bool) -> Generator[Step, Any, list[dict[str, Any]]]:
    ended: list[dict[str, Any]] = []
    for row in rows:
        _, found = yield front.Kick(0, row.conn, now, ban)
        ended += [session(each) for each in found]
    return ended


def ban(call: Call) -> Method:
    """Ban a source, and end its sessions unless they are kept."""
    network, name = network_of(call.text("address")), call.text("service")
    yield from need_services([name] if name else [])
    if not call.truth("yes"):
        _ask(network, [str(text) for text in call.parameters.get("own", ())])
    prefix = str(network.network_address) if network.num_addresses == 1 else str(network)
    fields = {
        "prefix": prefix, "service": name, "seconds": call.parameters.get("seconds", 0),
        "because": call.text("because")[:200],
    }  # fmt: skip
    answer = yield ToMaster("ban", fields)
    ended: list[dict[str, Any]] = []
    if not call.truth("keep"):
        rows = yield from sessions(name)
        ended = yield from _end([row for row in rows if peer_in(row.peer, network)], now=False, ban=True)
    return {"ban": {**answer["ban"], "hits": 0}, "ended": ended, "unsaved": answer["unsaved"]}


def _ask(network: ipaddress.IPv4Network | ipaddress.IPv6Network, own: list[str]) -> None:
    """Raise ``Refusal`` for a ban that would lock its operator, or nearly all clients, out."""
    if network.prefixlen < WIDE[network.version]:
        raise Refusal("NeedsYes", text=f"{network} has nearly all clients")
    for text in own:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        if address in network:
            raise Refusal("NeedsYes", text=f"{text} is an address of yours")


def unban(call: Call) -> Method:
    """Take back an operator's ban, what sensors have banned there, and penalties."""
    network = network_of(call.text("address"))
    prefix = str(network.network_address) if network.num_addresses == 1 else str(network)
    _, rows = yield front.Lift(0, prefix, call.text("service"))
    lifted = [row._asdict() for row in rows]
    try:
        answer = yield ToMaster("unban", {"prefix": prefix, "service": call.text("service")})
    except Refusal as refusal:
        if lifted:
            return {"ban": None, "lifted": lifted, "unsaved": ""}
        wishes = yield ToMaster("wishes")
        near = get_close_matches(prefix, [known["prefix"] for known in wishes["bans"]], n=1, cutoff=0.5)
        raise Refusal(refusal.error, text=refusal.parameters["text"], nearest=near[0] if near else "") from None
    return {"ban": {**answer["ban"], "hits": 0}, "lifted": lifted, "unsaved": answer["unsaved"]}


def _services(call: Call) -> list[str]:
    return [str(name) for name in call.parameters["services"]]


def pause(call: Call) -> Method:
    """Pause services; all for an empty list."""
    names = _services(call)
    if names:
        yield from need_services(names)
    fields = {
        "services": names, "refuse": call.truth("refuse"), "drain": call.truth("drain"),
        "because": call.text("because")[:200],
    }  # fmt: skip
    answer: dict[str, Any] = yield ToMaster("hold", fields)
    return answer


def resume(call: Call) -> Method:
    """Resume services; all that are paused for an empty list."""
    names = _services(call)
    if names:
        yield from need_services(names)
    answer: dict[str, Any] = yield ToMaster("release", {"services": names})
    return answer


def reload(call: Call) -> Method:
    """Have the configuration read and put into force; answered when it is, or refused."""
    answer: dict[str, Any] = yield ToMaster("reload", {"dry_run": call.truth("dry_run")})
    return answer
