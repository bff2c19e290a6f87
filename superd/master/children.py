"""Children of the master that ended or stand still, in sweeps that no child can make endless.

What: waits for every child that ended, and looks which of superd's own were stopped.
Runs in: master.
Never: blocks.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator

MOST = 1000
"""Ends that one sweep reports; the next follows at once, after everything else had its turn."""
FIRST_PAUSE, LAST_PAUSE = 0.01, 0.25
"""Seconds for which SIGCHLD is not listened to after a sweep that found nothing, doubling: any process whose launcher died is
the master's child, and its owner can stop and continue it in a loop."""


class Reaper:
    """``due`` is when the next sweep is to be made although no signal asks for it (monotonic), or None."""

    def __init__(self) -> None:
        self._pause = 0.0
        self.due: float | None = None

    def sweep(self, own: Iterable[int], now: float) -> Iterator[tuple[int, int]]:
        """Yield (pid, wait status) of every child that ended, and of those of ``own`` that a signal stopped."""
        timed, self.due = self.due is not None, None
        if timed:  # a signal that has come meanwhile counts now, and asks for the next sweep
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        found = 0
        for pid in own:
            if pid and (status := _wait(pid, os.WUNTRACED)) is not None:
                found += 1
                yield status
        while found < MOST and (status := _wait(-1)) is not None:
            found += 1
            yield status
        if found >= MOST:
            self.due = now
        elif found:
            self._pause = 0.0
        elif not timed:
            self._pause = min(LAST_PAUSE, max(FIRST_PAUSE, self._pause * 2))
            self.due = now + self._pause
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))


def _wait(pid: int, flags: int = 0) -> tuple[int, int] | None:
    try:
        found = os.waitpid(pid, os.WNOHANG | flags)
    except ChildProcessError:
        return None
    return found if found[0] else None
