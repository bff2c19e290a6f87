"""What keeps a launcher awake for a moment after it was roused: the launch that is announced need not wake it.

Runs in: launchers. Standard library only. Never stays awake for longer than ``AWAKE``, and yields to whatever else can run.
"""

from __future__ import annotations

import os
import select
import time

AWAKE = 0.001
"""Seconds that a roused launcher looks for the launch before it sleeps: to be woken takes half as long. On a single processor
the front would not get there sooner."""


class Alertness:
    """The looks at what is ready. ``poll`` has all that the launcher hears."""

    __slots__ = ("_poll", "_seconds", "_until")

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._seconds = AWAKE if len(os.sched_getaffinity(0)) > 1 else 0.0
        self._until = 0.0

    def rouse(self, now: float) -> None:
        """Stay awake from ``now`` on (monotonic)."""
        self._until = now + self._seconds

    def look(self) -> list[tuple[int, int]]:
        """Return what is ready, at once unless the launcher was roused; nothing: it may sleep."""
        ready = self._poll.poll(0)
        while not ready and self._until:
            if time.monotonic() >= self._until:
                self._until = 0.0
            else:
                os.sched_yield()
            ready = self._poll.poll(0)
        if ready:
            self._until = 0.0
        return ready
