"""An internal service for a connection that waits for nothing else: served on the spot, and by a task only if it goes on.

Decides nothing: who comes here has been let in. What has banners, look-ups or limits of silence is ``session.py``'s.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from superd.front.stream.client_output import part
from superd.internal import BEGIN, STREAM, StreamHandler
from superd.net.relay import pump

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import ServiceState
    from superd.front.process import Front
    from superd.record import SessionRecord


async def _echo(sock: trio.socket.SocketType) -> bool:
    await pump(sock, sock)
    return True


HANDLERS: dict[str, StreamHandler] = {"echo": _echo, **STREAM}


def serve(front: Front, state: ServiceState, record: SessionRecord, sock: socket.socket) -> None:
    """One connection from its admission on; ``sock`` is this function's, then the task's."""
    front.count_start(record)
    front.log.started(record)
    begin, left = BEGIN.get(state.inside), b""
    if begin is not None:
        try:
            # Most clients of echo have said all by now, and a task costs twice what they do.
            rest = begin(sock)
        except OSError:
            rest = None  # the peer went away: a normal end
        if rest is None:
            sock.close()
            front.finish(record)
            return
        left = rest
    front.nursery.start_soon(_go_on, front, state, record, sock, left)


async def _go_on(front: Front, state: ServiceState, record: SessionRecord, sock: socket.socket, left: bytes) -> None:
    sock.setblocking(False)
    stream = trio.socket.from_stdlib_socket(sock)
    try:
        with stream, trio.CancelScope() as record.scope:
            while left:
                left = left[await stream.send(left) :]
            if not await HANDLERS[state.inside](stream):
                await part(stream)
    except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
        pass  # the peer went away
    except Exception as fault:  # noqa: BLE001 - ours, and it may end this connection but no other
        front.log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", state.name)
    finally:
        front.finish(record)
        front.log.flush_soon()
