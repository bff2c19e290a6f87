"""Programs with pipes or a terminal: their clients' sockets wait here for the other ends, then a relay gets all of them.

Runs in: the front. A launcher never gets such a socket: its user could make it a blocking one, and stop a relay with that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.ipc import relay_messages
from superd.ipc.launch_codec import IN, OUT, TERMINAL, Stdio
from superd.system.closing import let_all_go, let_go

if TYPE_CHECKING:
    from superd.front.handing_over import Carries
    from superd.front.sessions.live import LiveSession

_ENDS = {"pipe": (IN, OUT), "pty": (TERMINAL,)}
_MODES = {"pipe": relay_messages.PIPE, "pty": relay_messages.PTY}


class StdioPrograms:
    """Sessions whose program does not get the connection itself."""

    def __init__(self, carriers: Carries) -> None:
        self._carriers = carriers
        self._waiting: dict[int, tuple[LiveSession, int, dict[str, int]]] = {}
        """Connection → session, the client's socket, and the ends that came."""
        self._null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def hold(self, session: LiveSession, fd: int) -> int:
        """Take ``fd`` over, and keep it until the launcher has sent the program's ends. Returns what it gets instead."""
        instead = os.dup(self._null)
        self._waiting[session.record.conn] = (session, fd, {})
        session.when_over(self._forget)
        return instead

    def __len__(self) -> int:
        """Return how many clients wait for their program's ends."""
        return len(self._waiting)

    def take(self, number: int, report: Stdio, fd: int) -> None:
        """Take one end of a program of launcher ``number``, and ``fd`` over."""
        entry = self._waiting.get(report.conn)
        stdio = entry[0].record.service.stdio if entry is not None else ""
        if entry is None or entry[0].launcher != number or report.end in entry[2] or report.end not in _ENDS[stdio]:
            let_go(fd)
            return
        session, client, ends = entry
        ends[report.end] = fd
        if len(ends) == len(_ENDS[stdio]):
            del self._waiting[report.conn]
            self._carriers.carry(session, _MODES[stdio], (client, *(ends[end] for end in _ENDS[stdio])))

    def _forget(self, session: LiveSession) -> None:
        entry = self._waiting.pop(session.record.conn, None)
        if entry is not None:
            let_all_go((entry[1], *entry[2].values()))
