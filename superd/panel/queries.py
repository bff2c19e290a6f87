"""Methods that only look: status, one service, sessions, bans, events, what is in force for a client.

Runs in: panel. Never: changes anything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.gather import (
    all_services,
    holds,
    limit,
    network_of,
    number_of,
    one_service,
    pages,
    peer_in,
    session,
    sessions,
    unknown_service,
)
from superd.panel.problems import problems
from superd.panel.steps import Call, Method, Pause, Refusal, Reply, Step, ToMaster

PAGE, MOST = 100, 1000
"""Entries of a reply where the caller names no number, and the largest number."""
LAST = 10
"""Ends and refusals that ``GetService`` shows."""
FOLLOW = 0.5
"""Seconds between two looks at the rings for those who follow."""


def get_status(call: Call) -> Method:
    """Everything that one screen shows."""
    state = yield ToMaster("state")
    paused = yield from holds()
    wishes = yield ToMaster("wishes")
    whole: front.FrontRow | None = None
    rows: list[front.ServiceRow] = []
    try:
        _, found = yield front.AskFront(0)
        whole = found[0] if found else None
        rows = yield from all_services()
    except Refusal:
        pass  # the front is being replaced, which the answer says
    services = [service(row, state, paused) for row in rows]
    full = {row.name: row.full for row in rows if row.full}
    failing = {row.name: row.failing for row in rows if row.failing}
    return {
        "daemon": _daemon(state, whole),
        "problems": problems(state, services, full, failing, whole, wall()),
        "services": services,
        "bans": len(wishes["bans"]),
        "tables": {
            "files": state["tables"]["files"],
            "rules": whole.rules if whole is not None else 0,
            "warnings": len(state["tables"]["problems"]),
        },
        "reload": {key: state["reload"][key] for key in ("outcome", "when", "summary", "problems")},
    }


def _daemon(state: dict[str, Any], whole: front.FrontRow | None) -> dict[str, Any]:
    return {
        "version": state["version"],
        "pid": _master(state),
        "kernel": state["kernel"],
        "started": state["started"],
        "uptime": state["uptime"],
        "config_read": state["read"],
        "processes": state["processes"],
        "sessions": whole.sessions if whole is not None else 0,
        "waiting": whole.waiting if whole is not None else 0,
        "sensor_bans": whole.sensor if whole is not None else 0,
        "log_waiting": state["log_waiting"] + (whole.log_waiting if whole is not None else 0),
        "log_lost": state["log_lost"] + (whole.log_lost if whole is not None else 0),
        "lag": whole.lag if whole is not None else 0.0,
    }


def _master(state: dict[str, Any]) -> int:
    return next((int(found["pid"]) for found in state["processes"] if found["kind"] == "master"), 0)


def service(row: front.ServiceRow, state: dict[str, Any], paused: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a service as the interface has it."""
    return {
        "name": row.name,
        "addresses": list(row.addresses),
        "missing": [missing["address"] for missing in state["missing"] if missing["service"] == row.name],
        "runs": row.runs,
        "user": row.user,
        "sessions": row.running,
        "limit": limit(row.limit),
        "per_source": limit(row.per_source),
        "leftovers": row.leftovers,
        "started_minute": row.minute,
        "started_hour": row.hour,
        "refused_minute": row.refused_minute,
        "refused_hour": row.refused_hour,
        "most_refused": row.worst,
        "paused": paused.get(row.name),
        "no_group": state["ungrouped"].get(row.name, ""),
        "certificate_end": next((found["end"] for found in state["certificates"] if found["service"] == row.name), None),
    }


def get_service(call: Call) -> Method:
    """All about one service."""
    name = call.text("service")
    state = yield ToMaster("state")
    paused = yield from holds()
    _, rows = yield from one_service(name)
    row = next(found for found in rows if isinstance(found, front.ServiceRow))
    shown = service(row, state, paused)
    state["missing"] = [missing for missing in state["missing"] if missing["service"] == name]
    state["reload"]["outcome"] = ""
    full = {name: row.full} if row.full else {}
    own = problems(state, [shown], full, {name: row.failing} if row.failing else {}, _QUIET, wall())
    minutes = next((found for found in rows if isinstance(found, front.MinutesRow)), front.MinutesRow(name, (), ()))
    refusals: list[dict[str, Any]] = [
        {
            "reason": found.reason, "hour": found.hour, "total": found.total, "last_peer": found.peer,
            "last_ago": round(found.ago, 3), "detail": found.detail,
        }
        for found in rows
        if isinstance(found, front.ReasonRow)
    ]  # fmt: skip
    refusals.sort(key=lambda found: (-found["hour"], -found["total"]))
    events = yield from pages(lambda after: front.AskEvents(0, int(after or 0)))
    last = [_event(found) for found in events if found.service == name and found.event in ("exit", "fail", "repeats")]
    return {
        "service": shown,
        "problems": [problem for problem in own if problem["about"] == name],
        "limits": [
            {"key": found.key, "used": found.used, "limit": limit(found.limit), "who": found.who}
            for found in rows
            if isinstance(found, front.LimitRow)
        ],
        "refusals": refusals,
        "served": [int(count) for count in minutes.served if count.isdecimal()],
        "refused": [int(count) for count in minutes.refused if count.isdecimal()],
        "last": last[: -LAST - 1 : -1],
    }


_QUIET = front.FrontRow(0, 0, 0, 0, 0, 0.0, 0.0)


# ---------------------------------------------------------------------------------------------------- sessions


def chosen_sessions(call: Call, after: int = -1) -> Generator[Step, Any, list[front.SessionRow]]:
    """Return the sessions that a call means by ``service``, ``source`` and ``older_than``, the oldest number first."""
    name = call.text("service")
    network = network_of(call.text("source")) if call.text("source") else None
    older = float(call.parameters.get("older_than", 0.0))
    rows = yield from sessions(name)
    if name and not rows:
        yield from one_service(name)
    return [row for row in rows if row.conn > after and row.age >= older and (network is None or peer_in(row.peer, network))]


def list_sessions(call: Call) -> Method:
    """One page of the live sessions."""
    most = max(1, min(MOST, call.number("limit", PAGE)))
    after = number_of(call.text("after")) if call.text("after") else -1
    if after is None:
        raise Refusal("NotFound", text="`after` is not a session's id", nearest="")
    rows = yield from chosen_sessions(call, after)
    shown = [session(row) for row in rows[:most]]
    return {"sessions": shown, "next": shown[-1]["id"] if len(rows) > most else ""}


# ---------------------------------------------------------------------------------------------------- bans


def all_bans() -> Generator[Step, Any, list[dict[str, Any]]]:
    """Return the bans in force, with their hits."""
    wishes = yield ToMaster("wishes")
    hits: dict[tuple[str, str], int] = {}
    try:
        rows = yield from pages(lambda after: front.AskBans(0, int(after or 0)))
        hits = {(row.prefix, row.service): row.hits for row in rows}
    except Refusal:
        pass  # the front is being replaced; the bans are in force all the same
    return [{**ban, "hits": hits.get((ban["prefix"], ban["service"]), 0)} for ban in wishes["bans"]]


def _penalties() -> Generator[Step, Any, list[dict[str, Any]]]:
    """Return the sources that are refused for their penalties, the first ``MOST``."""
    try:
        rows = yield from pages(lambda after: front.AskPenalties(0, int(after or 0)))
    except Refusal:
        return []  # the front is being replaced
    return [row._asdict() for row in rows[:MOST]]


def list_bans(call: Call) -> Method:
    """One page of the bans, in the order in which they were made; the first has penalties and what sensors banned, too."""
    most = max(1, min(MOST, call.number("limit", PAGE)))
    bans = yield from all_bans()
    after = call.text("after")
    keys = [f"{ban['prefix']} {ban['service']}".strip() for ban in bans]
    begin = keys.index(after) + 1 if after in keys else 0
    shown = bans[begin : begin + most]
    penalties = (yield from _penalties()) if not after else []
    return {
        "bans": shown,
        "penalties": penalties,
        "next": keys[begin + most - 1] if begin + most < len(bans) else "",
    }


# ---------------------------------------------------------------------------------------------------- events


def _event(row: front.EventRow) -> dict[str, Any]:
    fields: dict[str, str | int | float] = {}
    for key, value in zip(row.keys, row.values, strict=False):
        try:
            fields[key[1:]] = int(value) if key[:1] == "i" else float(value) if key[:1] == "f" else value
        except ValueError:
            fields[key[1:]] = value
    return {
        "when": row.when, "level": row.level, "event": row.event, "service": row.service, "session": row.session,
        "text": row.text, "fields": fields,
    }  # fmt: skip


def _fits(event: dict[str, Any], call: Call) -> bool:
    wanted = (("service", event["service"]), ("event", event["event"]), ("reason", event["fields"].get("reason")))
    if any(call.text(name) and call.text(name) != value for name, value in wanted):
        return False
    if call.text("source"):
        peer = str(event["fields"].get("peer", ""))
        return bool(peer) and peer_in(f"[{peer}]:0", network_of(call.text("source")))
    return True


def list_events(call: Call) -> Method:
    """The last events of master and front, and with ``follow`` what happens from now on."""
    most = max(1, min(MOST, call.number("limit", PAGE)))
    if call.text("source"):
        network_of(call.text("source"))
    after_front = after_master = 0
    first = True
    while True:
        found: list[dict[str, Any]] = []
        try:
            last = after_front
            rows = yield from pages(lambda after, last=last: front.AskEvents(0, int(after or last)))  # type: ignore[misc]
            found += [_event(row) for row in rows]
            after_front = max((row.sequence for row in rows), default=after_front)
        except Refusal:
            after_front = 0  # another front begins with an empty ring
        answer = yield ToMaster("events", {"after": after_master})
        after_master = max((event["sequence"] for event in answer["events"]), default=after_master)
        found += [{key: value for key, value in event.items() if key != "sequence"} for event in answer["events"]]
        found = sorted((event for event in found if _fits(event, call)), key=lambda event: event["when"])
        if first:
            found = found[-most:]
        if not (call.more and call.truth("follow")):
            return {"events": found}
        if found or first:
            yield Reply({"events": found})
        first = False
        yield Pause(FOLLOW)


# ---------------------------------------------------------------------------------------------------- one client


def explain(call: Call) -> Method:
    """What is in force for a client of a service."""
    name = call.text("service")
    _, rows = yield front.AskClient(0, name, _client_of(call.text("address")))
    if not rows:
        yield from unknown_service(name)
    row = rows[0]
    state = yield ToMaster("state")
    paused = yield from holds()
    bans = yield from all_bans()
    ban = next((ban for ban in bans if ban["prefix"] == row.ban and ban["service"] in ("", name)), None) if row.ban else None
    return {
        "pid": _master(state), "configuration": state["configuration"], "ban": ban, "sensor": row.sensor,
        "paused": paused.get(name), "sessions": row.running, "limit": limit(row.limit), "of_source": row.of_source,
        "source_limit": limit(row.source_limit), "refused": row.refused, "detail": row.detail, "waits": row.waits,
    }  # fmt: skip


def _client_of(text: str) -> str:
    """Return a client in its one spelling: an address, or a unix socket's with its groups."""
    wrong = Refusal("org.varlink.service.InvalidParameter", parameter="address")
    if text.startswith("uid:"):
        if not re.fullmatch(r"uid:\d{1,10}( gid:\d{1,10})*", text, re.ASCII):
            raise wrong
        return text
    network = network_of(text)
    if network.num_addresses != 1:
        raise wrong
    return str(network.network_address)


def wall() -> float:
    """Return the moment, for people."""
    return time.time()  # noqa: TID251 - no limit depends on it
