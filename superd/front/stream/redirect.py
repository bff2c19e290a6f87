"""Redirects: connects to the service's target and relays until both sides have ended.

Runs in: the front. Decides nothing: the connection has been admitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from superd.front.sessions.live import Task
from superd.net.relay import Traffic, connect, relay

if TYPE_CHECKING:
    from superd.front.stream.connection import Connection

CONNECT_TIMEOUT = 10.0
"""Seconds a redirect's target may take to answer; TCP's own two minutes would hold the client."""


class NoTarget(Exception):
    """The target cannot be reached; the text says why."""


async def reach(target: str) -> trio.socket.SocketType:
    """Return a connection to ``host:port``. Raises ``NoTarget``."""
    host, _, port = target.rpartition(":")
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            return await connect(host.strip("[]"), int(port))
    except OSError as problem:
        raise NoTarget(f"cannot connect to `{target}`: {problem}") from None
    except trio.TooSlowError:
        raise NoTarget(f"`{target}` does not answer") from None


async def carry(connection: Connection, other: trio.socket.SocketType) -> None:
    """Relay between the client and ``other``, which is closed at the end; counts the bytes in the session's record."""
    session, limits, traffic = connection.session, connection.service.service.limits, Traffic()
    with other, trio.move_on_after(limits.session or float("inf")) as scope:
        session.running = Task(scope)
        try:
            await relay(connection.sock, other, traffic, idle=limits.idle)
        finally:
            session.record.traffic = (traffic.received, traffic.sent)
