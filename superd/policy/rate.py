"""How often one source may connect: token buckets as plain numbers. Times are monotonic seconds, passed in.

xinetd's cps closes the service for everybody as soon as anybody is too quick; here each source has its own bucket and
pause, so that a flood costs nobody but its sender.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.occupancy import Source

MAX_SOURCES = 65536
"""Sources remembered for one service; the one that was quiet longest goes first."""


class RateTable:
    """Buckets of ``rate`` tokens a second and at most ``burst``; an empty one pauses its source for ``pause`` seconds."""

    __slots__ = ("_buckets", "_burst", "_pause", "_rate")

    def __init__(self, rate: float, burst: float, pause: float) -> None:
        self._rate = rate
        self._burst = burst
        self._pause = pause
        self._buckets: OrderedDict[Source, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: Source, now: float) -> bool:
        """One connection of ``source``: True when it may come. A clock that goes back mints nothing."""
        bucket = self._buckets.get(source)
        if bucket is None:
            if len(self._buckets) >= MAX_SOURCES:
                self._buckets.popitem(last=False)
            self._buckets[source] = (self._burst - 1, now)
            return True
        self._buckets.move_to_end(source)
        tokens, since = bucket
        # ``since`` lies ahead while the source is paused, and when the clock went back: nothing is minted then.
        if now < since:
            return False
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens >= 1:
            self._buckets[source] = (tokens - 1, now)
            return True
        # One token is there when the pause is over; knocking on meanwhile does not lengthen it.
        self._buckets[source] = (max(tokens, 1.0), now + self._pause) if self._pause else (tokens, now)
        return False

    def same_rate(self, other: RateTable) -> bool:
        """Whether the other table gives out tokens just as this one does."""
        return (self._rate, self._burst, self._pause) == (other._rate, other._burst, other._pause)
