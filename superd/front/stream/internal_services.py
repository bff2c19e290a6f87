"""An internal service for a connection that waits for nothing else: served on the spot, and by a task only if it goes on.

Decides nothing: who comes here has been let in. What has banners, look-ups or limits of silence is ``session.py``'s.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from superd.front.sessions.book import SERVED
from superd.front.sessions.live import Task
from superd.front.stream.client_output import part
from superd.internal import BEGIN, STREAM

if TYPE_CHECKING:
    from superd.front.process import Front
    from superd.front.sessions.live import LiveSession


def serve(front: Front, session: LiveSession, sock: socket.socket) -> None:
    """One connection from its admission on; ``sock`` is this function's, then the task's."""
    front.book.count_start(session)
    front.book.started(session)
    begin, left = BEGIN.get(session.service.inside), b""
    if begin is not None:
        try:
            # Most clients of echo have sent all they will by now, and a task costs twice what they do.
            rest = begin(sock)
        except OSError:
            rest = None  # the peer closed the connection: a normal end
        if rest is None:
            sock.close()
            front.book.over(session, SERVED)
            return
        left = rest
    front.nursery.start_soon(_go_on, front, session, sock, left)


async def _go_on(front: Front, session: LiveSession, sock: socket.socket, left: bytes) -> None:
    sock.setblocking(False)
    stream = trio.socket.from_stdlib_socket(sock)
    try:
        with stream, trio.CancelScope() as scope:
            session.running = Task(scope)
            while left:
                left = left[await stream.send(left) :]
            if not await STREAM[session.service.inside](stream):
                await part(stream)
    except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
        pass  # the peer closed the connection
    except Exception as fault:  # noqa: BLE001 - a fault of ours may end this connection but no other
        front.log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", session.service.name)
    finally:
        front.book.over(session, SERVED)
        front.log.flush_soon()
