"""Serves an internal service to a connection that waits for nothing else: at once, and by a relay if it goes on.

Runs in: the front. Decides nothing: the connection has been admitted. What has banners, look-ups or a limit on silence is
the business of ``session.py``.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from superd.front.sessions.live import SERVED, Task
from superd.front.stream.client_output import part
from superd.internal import BEGIN, STREAM
from superd.ipc import relay_messages as messages
from superd.record import Ending
from superd.system.closing import let_socket_go

if TYPE_CHECKING:
    from superd.front.handing_over import Carries, StartTask
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.front.stream.connection import ConnectionLog


MODES = {"echo": messages.ECHO, "discard": messages.DISCARD, "chargen": messages.CHARGEN}
"""Internal services whose bytes a relay carries from their second buffer on."""


class InternalStreams:
    """The internal services of streams."""

    def __init__(self, book: SessionBook, carriers: Carries, log: ConnectionLog, start_task: StartTask) -> None:
        self._book = book
        self._carriers = carriers
        self._log = log
        self._start_task = start_task

    def serve(self, session: LiveSession, sock: socket.socket) -> None:
        """Serve one connection from its admission on; takes ``sock`` over."""
        self._book.count_start(session)
        self._book.started(session)
        name, left = session.service.inside, b""
        begin = BEGIN.get(name)
        if begin is not None:
            try:
                # Most clients of echo have sent all they will by now, and a task costs twice what they do.
                rest = begin(sock)
            except OSError:
                rest = None  # a normal end
                session.record.ended_by = Ending.RESET
            if rest is None:
                let_socket_go(sock)
                session.record.ended_by = session.record.ended_by or Ending.CLIENT
                self._book.over(session, SERVED)
                return
            left = rest
        if left or name not in MODES:
            self._start_task(self._go_on, session, sock, left)
        else:
            self._carriers.carry(session, MODES[name], (sock.detach(),))

    async def _go_on(self, session: LiveSession, sock: socket.socket, left: bytes) -> None:
        sock.setblocking(False)
        stream = trio.socket.from_stdlib_socket(sock)
        name, carried = session.service.inside, False
        try:
            with trio.CancelScope() as scope:
                session.running = Task(scope)
                while left:
                    left = left[await stream.send(left) :]
                if name in MODES:
                    carried = True
                    self._carriers.carry(session, MODES[name], (stream.detach(),))
                else:
                    await STREAM[name](stream)
                    await part(stream)
        except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
            session.record.ended_by = session.record.ended_by or Ending.RESET
        except Exception as fault:  # noqa: BLE001 - a fault of ours may end this connection but no other
            session.record.ended_by = Ending.FAULT
            self._log.message("crit", f"a session failed: {type(fault).__name__}: {fault}", record=session.record)
        finally:
            let_socket_go(stream)
            if not carried:
                self._book.over(session, SERVED)
            self._log.flush_soon()
