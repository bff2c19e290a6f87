"""The last events in memory, for operators who ask: whatever the log's targets are. Formats nothing.

Runs in the master and in the front. Used by log.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.event import Event

KEPT = 1000
"""Events; each is about a kilobyte with its session's record."""


class Ring:
    """The last ``KEPT`` events, numbered from 1."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._last = 0

    def add(self, event: Event) -> None:
        """Keep an event; the oldest goes."""
        self._last += 1
        self._events.append(event)

    def after(self, number: int) -> Iterator[tuple[int, Event]]:
        """Return the events after this number with theirs, the oldest first. All, for a number that is still to come."""
        first = self._last - len(self._events) + 1
        skip = number - first + 1 if first <= number <= self._last else 0
        if number == self._last:
            return iter(())
        return islice(enumerate(self._events, first), max(0, skip), None)
