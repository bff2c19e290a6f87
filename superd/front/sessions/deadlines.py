"""When sessions must end: SIGTERM at ``limits.session``, SIGKILL after ``limits.kill_grace``; and when they must have begun.

Runs in: the front. Logs nothing; counts nothing.
"""

from __future__ import annotations

import heapq
import signal
from collections.abc import Callable
from itertools import count

import trio

from superd.front.sessions.live import LiveSession, Stage
from superd.record import Ending

_BEGUN = frozenset({Stage.RUNNING, Stage.SERVING})
_STALE = 64
"""Timers of ended sessions that may stay in the heap before it is swept."""


class Deadlines:
    """A heap of times, and the task that waits for the earliest. Times are monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._timers: list[tuple[float, int, LiveSession, int, Ending]] = []
        self._order = count()
        self._ended = 0
        self._changed = trio.Event()

    def begin(self, session: LiveSession) -> None:
        """Start the session's limits on time, if its service has any."""
        record = session.record
        limits = record.service.limits
        if limits.session is not None:
            self._push(record.started + limits.session, session, signal.SIGTERM, Ending.SESSION_LIMIT)
        if limits.start is not None and session.stage not in _BEGUN:
            self._push(record.started + limits.start, session, signal.SIGTERM, Ending.START_LIMIT)

    def forget(self, session: LiveSession) -> None:
        """Note that a session is over; sweep the heap when most of it is stale."""
        if not self._timers:
            return
        self._ended += 1
        if 2 * self._ended > len(self._timers) + _STALE:
            self._ended = 0
            self._timers = [timer for timer in self._timers if timer[2].stage is not Stage.OVER]
            heapq.heapify(self._timers)

    def end(self, session: LiveSession, why: Ending, *, at_once: bool = False) -> None:
        """Send SIGTERM to a session now, and SIGKILL after its service's ``kill_grace``; ``at_once``: SIGKILL now."""
        self._end(session, signal.SIGKILL if at_once else signal.SIGTERM, self._clock(), why)

    def due(self) -> float | None:
        """Return when the next timer fires."""
        return self._timers[0][0] if self._timers else None

    def end_overdue(self) -> None:
        """Signal every session whose time is over."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, _, session, number, why = heapq.heappop(self._timers)
            if why is not Ending.START_LIMIT or number == signal.SIGKILL or session.stage not in _BEGUN:
                self._end(session, number, now, why)

    async def run(self) -> None:
        """Signal sessions as their times come, until cancelled."""
        while True:
            self._changed = trio.Event()
            due = self.due()
            if due is None:
                await self._changed.wait()
                continue
            with trio.move_on_after(max(0.0, due - self._clock())):
                await self._changed.wait()
            self.end_overdue()

    def _end(self, session: LiveSession, number: int, now: float, why: Ending) -> None:
        if session.stage is Stage.OVER:
            return
        if session.record.ended_by is None:  # SIGKILL after the grace has the cause of its SIGTERM
            session.record.ended_by = why
        if session.running is not None:
            session.running.signal(session.record.conn, number)
        if number == signal.SIGTERM:
            self._push(now + session.record.service.limits.kill_grace, session, signal.SIGKILL, why)

    def _push(self, when: float, session: LiveSession, number: int, why: Ending) -> None:
        earliest = self.due()
        heapq.heappush(self._timers, (when, next(self._order), session, number, why))
        if earliest is None or when < earliest:
            self._changed.set()
