"""The front that an earlier program of this process started: it serves until the next front can, and then makes room.

What: gives it the word, waits for its end within a limit, and reads what it wrote for the next front.
Runs in: master, after an upgrade.
Never: reads its channel, or looks into what it wrote: only a front does.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from superd.ipc.descriptors import from_memory
from superd.ipc.front_orders import MAX_KEPT, RETIRE_SECONDS

GRACE = 5.0
"""Seconds over ``RETIRE_SECONDS`` after which it is killed."""


class FormerFront:
    """``pid`` is 0 when there is none any more. ``due`` is when it is killed (monotonic)."""

    def __init__(self, table: dict[str, Any] | None = None) -> None:
        self.pid = 0
        self.due: float | None = None
        self._fds: tuple[int, ...] = ()
        self._waiting = -1
        if table is not None:  # None after a restart as well: that front has ended
            self.take(table)

    def take(self, table: dict[str, Any]) -> None:
        """Take on the front that ``FrontChild.prepare_retirement`` prepared."""
        self.pid = table["pid"]
        self._fds = (table["go"], table["memory"], table["channel"])
        self._waiting = table.get("waiting", -1)  # an earlier version has none

    def retire(self) -> None:
        """Have it end."""
        self.due = time.monotonic() + RETIRE_SECONDS + GRACE
        try:
            os.write(self._fds[0], b"g")
        except BrokenPipeError:
            pass  # it died: SIGCHLD follows

    def on_timer(self, now: float) -> None:
        """Kill it when its time is over."""
        if self.due is not None and now >= self.due:
            self.due = None
            os.kill(self.pid, signal.SIGKILL)  # the master's child, so the number is still its own

    def ended(self, status: int) -> bytes:
        """Take note that it was reaped; return what it wrote for the next front."""
        self.pid, self.due = 0, None
        found = from_memory(self._fds[1], MAX_KEPT) if status == 0 else b""
        for fd in self._fds:
            os.close(fd)
        self._fds = ()
        return found

    def take_waiting(self) -> int:
        """Return the descriptor from which the next front takes who waits in a queue, -1 for none; it is the caller's."""
        waiting, self._waiting = self._waiting, -1
        return waiting

    def close_copies(self) -> None:
        """Close what only the master may hold."""
        for fd in (*self._fds, self._waiting):
            if fd >= 0:
                os.close(fd)
