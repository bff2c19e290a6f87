"""Processes that an earlier master started and that run on: a restart by the service manager made them init's children.

What: watches each by a descriptor, and says how it ended where the kernel tells that.
Runs in: master, after such a restart.
Never: waits for one, or takes a number for a process: the descriptor is the process.
"""

from __future__ import annotations

import os
import select
import time

from superd.system.pidfd import NOT_YET, exit_status, send_signal
from superd.system.process_state import zombie_status

PAUSE, PATIENCE = 0.02, 1.0
"""Seconds between two looks for the status of one that ended, and in which init reaps it."""
UNKNOWN = -1
"""In the place of a wait(2) status: the kernel is older than 6.15."""


class Adopted:
    """``due`` is when ``on_timer`` has something to do (monotonic), or None."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._living: dict[int, int] = {}
        """Process → its descriptor."""
        self._ended: dict[int, tuple[int, float]] = {}
        """Process → its descriptor, and when its status is given up: it waits to be reaped."""
        self.due: float | None = None

    def table(self) -> list[list[int]]:
        """Return process and descriptor of each, for the next master."""
        return [[pid, fd] for pid, fd in self._living.items()]

    def take_over(self, table: list[list[int]]) -> None:
        """Watch what an earlier master watched, or started."""
        for pid, fd in table:
            self._living[pid] = fd
            self._poll.register(fd, select.POLLIN)

    def __contains__(self, pid: int) -> bool:
        return pid in self._living

    def watch(self, pid: int) -> bool:
        """Watch one more; return whether there is such a process."""
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return False
        self.take_over([[pid, fd]])
        return True

    def kill(self, pid: int, number: int) -> bool:
        """Send a signal; return whether the process is one of these and lives."""
        return pid in self._living and send_signal(self._living[pid], number)

    def on_readable(self, fd: int) -> bool:
        """One has ended; return whether the descriptor was one of these."""
        pid = next((pid for pid, own in self._living.items() if own == fd), None)
        if pid is None:
            return False
        self._poll.unregister(fd)
        del self._living[pid]
        now = time.monotonic()
        self._ended[pid] = (fd, now + PATIENCE)
        self.due = now
        return True

    def take_ended(self, now: float) -> list[tuple[int, int]]:
        """Return process and wait(2) status, or ``UNKNOWN``, of those that ended since the last call."""
        found: list[tuple[int, int]] = []
        for pid, (fd, until) in list(self._ended.items()):
            status = exit_status(fd)
            if status == NOT_YET and now < until:
                continue
            # Without one process 1 does not reap it, or the kernel does not keep it.
            known = status if isinstance(status, int) else zombie_status(pid)
            found.append((pid, UNKNOWN if known is None else known))
            os.close(fd)
            del self._ended[pid]
        self.due = now + PAUSE if self._ended else None
        return found

    def close_copies(self) -> None:
        """In a child of the master: close what only the master may hold."""
        for fd in (*self._living.values(), *(fd for fd, _ in self._ended.values())):
            os.close(fd)
