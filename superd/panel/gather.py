"""Pages of the front and states of the master, put together as methods need them. Generators of steps.

Runs in: panel. Never: keeps anything between two calls.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator
from difflib import get_close_matches
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.steps import Page, Refusal, Step, ToMaster
from superd.record import conn_of, session_id
from superd.wishes import parse_prefix

MAX_PAGES = 1000
Gathered = Generator[Step, Any, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def pages(question: Callable[[str], front.Question]) -> Generator[Step, Any, list[Any]]:
    """Return the rows of all pages; ``question`` makes the one for the page after a key."""
    rows: list[Any] = []
    after = ""
    for _ in range(MAX_PAGES):
        answer, more = yield question(after)
        rows += more
        after = answer.more
        if not after:
            break
    return rows


def all_services() -> Generator[Step, Any, list[front.ServiceRow]]:
    """Return the row of every service."""
    return (yield from pages(lambda after: front.AskServices(0, after)))


def sessions(service: str = "") -> Generator[Step, Any, list[front.SessionRow]]:
    """Return the row of every live session, of one service or of all."""
    return (yield from pages(lambda after: front.AskSessions(0, service, int(after or -1))))


def holds() -> Generator[Step, Any, dict[str, dict[str, Any]]]:
    """Return what is paused, by service."""
    wishes = yield ToMaster("wishes")
    return {hold["service"]: hold for hold in wishes["holds"]}


def one_service(name: str) -> Generator[Step, Any, Page]:
    """Return all about one service. Raises ``Refusal`` with the nearest name where it is not served."""
    page: Page = yield front.AskService(0, name)
    if not page[1]:
        yield from unknown_service(name)
    return page


def unknown_service(name: str) -> Generator[Step, Any, None]:
    """Raise the refusal for a service that is not served."""
    rows = yield from all_services()
    near = get_close_matches(name, [row.name for row in rows], n=1, cutoff=0.5)
    raise Refusal("NotFound", text=f"no service `{name}` is served", nearest=near[0] if near else "")


def need_services(names: list[str]) -> Generator[Step, Any, None]:
    """Raise ``Refusal`` for the first of these services that is not served."""
    if not names:
        return
    known = {row.name for row in (yield from all_services())}
    for name in names:
        if name not in known:
            near = get_close_matches(name, list(known), n=1, cutoff=0.5)
            raise Refusal("NotFound", text=f"no service `{name}` is served", nearest=near[0] if near else "")


def network_of(text: str) -> Network:
    """Return an address or network, v4-mapped IPv6 as IPv4. Raises ``Refusal``."""
    try:
        return ipaddress.ip_network(parse_prefix(text))
    except ValueError as problem:
        raise Refusal("org.varlink.service.InvalidParameter", parameter="source", text=str(problem)) from None


def peer_in(peer: str, network: Network) -> bool:
    """Return whether a row's peer, ``address:port`` or ``[address]:port``, is in the network."""
    host = peer[1:].partition("]")[0] if peer.startswith("[") else peer.rpartition(":")[0]
    try:
        return ipaddress.ip_address(host.partition("%")[0]) in network
    except ValueError:
        return False  # a unix peer


def session(row: front.SessionRow) -> dict[str, Any]:
    """Return a session as the interface has it."""
    return {
        "id": session_id(row.conn), "service": row.service, "peer": row.peer, "name": row.name, "user": row.user,
        "local": row.local, "pid": row.pid, "stage": row.stage, "age": round(row.age, 3), "rule": row.rule,
    }  # fmt: skip


def number_of(text: str) -> int | None:
    """Return the connection number of a session's id, None for other text."""
    return conn_of(text)


def limit(value: int) -> int | None:
    """Return a limit as the interface has it."""
    return value if value >= 0 else None
