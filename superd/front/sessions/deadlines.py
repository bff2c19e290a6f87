"""The sessions that are alive: entered, left, looked up by number, ended. Starts nothing and logs nothing."""

from __future__ import annotations

import heapq
import signal
from collections.abc import Callable, Iterator

from superd.record import SessionRecord

CROWD = 256
"""So many sessions at once are a crowd: what they leave behind is worth tidying up."""
_STALE = 64
"""Timers of sessions that ended may be this many before the heap is swept."""


class Sessions:
    """Living sessions by connection number, and the clock of those that have a limit. Times are monotonic seconds."""

    def __init__(self, send_signal: Callable[[SessionRecord, int], None]) -> None:
        self._living: dict[int, SessionRecord] = {}
        self._timers: list[tuple[float, int, int]] = []
        self._send_signal = send_signal
        self._next = 0
        self._most = 0

    def __len__(self) -> int:
        return len(self._living)

    def __iter__(self) -> Iterator[SessionRecord]:
        return iter(tuple(self._living.values()))

    def number(self) -> int:
        """A new connection number; wraps long after every process it could be mistaken for has ended."""
        self._next = (self._next + 1) & 0x7FFFFFFF
        return self._next

    def enter(self, record: SessionRecord) -> None:
        """A session began to live; its limit on time, if it has one, starts."""
        self._living[record.conn] = record
        self._most = max(self._most, len(self._living))
        limit = record.service.limits.session
        if limit is not None:
            heapq.heappush(self._timers, (record.started + limit, record.conn, signal.SIGTERM))

    def leave(self, conn: int) -> SessionRecord | None:
        """The session ended; ``None`` when it was not known."""
        record = self._living.pop(conn, None)
        if len(self._timers) > 2 * len(self._living) + _STALE:
            self._timers = [timer for timer in self._timers if timer[1] in self._living]
            heapq.heapify(self._timers)
        return record

    def crowd_has_gone(self) -> bool:
        """Whether only a small part is left of what was a crowd; says so once for each."""
        if self._most < CROWD or 8 * len(self._living) > self._most:
            return False
        self._most = len(self._living)
        return True

    def get(self, conn: int) -> SessionRecord | None:
        """The living session of this number."""
        return self._living.get(conn)

    def due(self) -> float | None:
        """When the next limit is reached."""
        return self._timers[0][0] if self._timers else None

    def end_overdue(self, now: float) -> None:
        """SIGTERM to whoever ran out of time, SIGKILL after the service's ``kill_grace``."""
        while self._timers and self._timers[0][0] <= now:
            _, conn, number = heapq.heappop(self._timers)
            record = self._living.get(conn)
            if record is not None:
                self._end(record, number, now)

    def end(self, record: SessionRecord, now: float) -> None:
        """The same to one session, if it still lives."""
        if self._living.get(record.conn) is record:
            self._end(record, signal.SIGTERM, now)

    def end_all(self, now: float) -> None:
        """SIGTERM to every session, SIGKILL to each after its ``kill_grace``."""
        for record in self:
            self._end(record, signal.SIGTERM, now)

    def _end(self, record: SessionRecord, number: int, now: float) -> None:
        self._send_signal(record, number)
        if number == signal.SIGTERM:
            heapq.heappush(self._timers, (now + record.service.limits.kill_grace, record.conn, signal.SIGKILL))
