"""How often one source may connect, and how often a service may start, as plain numbers. Times are monotonic, passed in.

xinetd's cps closes the service for all clients as soon as one is too quick; here each source has its own bucket and
pause, so that a flood costs only its sender.

Runs in: the front. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.occupancy import Source

MAX_SOURCES = 65536
"""Sources remembered for one service; the one that was quiet longest goes first."""
MAX_LIMITED = 1024
"""Sources at once whose limit is logged when it begins and ends; a flood from more networks than this has refusals enough."""


@frozen
class RateNews:
    """A source reached the limit (``seconds`` is None), or has slowed down again after so many seconds and refusals."""

    source: Source
    refused: int = 0
    seconds: float | None = None


class RateTable:
    """Buckets of ``rate`` tokens a second and at most ``burst``; an empty one pauses its source for ``pause`` seconds."""

    __slots__ = ("_buckets", "_burst", "_limited", "_pause", "_rate", "news")

    def __init__(self, rate: float, burst: float, pause: float) -> None:
        self._rate = rate
        self._burst = burst
        self._pause = pause
        self._buckets: OrderedDict[Source, tuple[float, float]] = OrderedDict()
        self._limited: dict[Source, tuple[float, int]] = {}
        self.news: list[RateNews] = []
        """What is still to be logged; the caller takes it away."""

    def __str__(self) -> str:
        pause = f", then a pause of {self._pause:g} s" if self._pause else ""
        return f"{self._rate:g} {'connection' if self._rate == 1 else 'connections'} a second and {self._burst:g} at once{pause}"

    @property
    def rate(self) -> float:
        """Connections a second that one source may make."""
        return self._rate

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: Source, now: float) -> bool:
        """One connection of ``source``: True when it may come. A clock that goes back mints nothing."""
        bucket = self._buckets.get(source)
        if bucket is None:
            self._forget(now)
            self._buckets[source] = (self._burst - 1, now)
            return True
        self._buckets.move_to_end(source)
        tokens, since = bucket
        # ``since`` lies ahead while the source is paused, and when the clock went back: nothing is minted then.
        if now < since:
            self._refuse(source, now)
            return False
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens >= 1:
            self._buckets[source] = (tokens - 1, now)
            # Not at the first connection that passes: a flood has one of these with every token.
            if self._limited and 2 * tokens >= self._burst:
                self._recover(source, now)
            return True
        self._refuse(source, now)
        # One token is there when the pause is over; knocking on meanwhile does not lengthen it.
        self._buckets[source] = (max(tokens, 1.0), now + self._pause) if self._pause else (tokens, now)
        return False

    def would_refuse(self, source: Source, now: float) -> bool:
        """Return whether a connection of ``source`` would be refused now. Counts none."""
        tokens, since = self._buckets.get(source, (self._burst, now))
        return now < since or tokens + (now - since) * self._rate < 1

    def limited(self, now: float) -> int:
        """Return how many sources are at the limit, ``MAX_LIMITED`` at most."""
        return sum(self.would_refuse(source, now) for source in self._limited)

    def _refuse(self, source: Source, now: float) -> None:
        known = self._limited.get(source)
        if known is not None:
            self._limited[source] = (known[0], known[1] + 1)
        elif len(self._limited) < MAX_LIMITED:
            self._limited[source] = (now, 1)
            self.news.append(RateNews(source))

    def _recover(self, source: Source, now: float) -> None:
        known = self._limited.pop(source, None)
        if known is not None:
            self.news.append(RateNews(source, known[1], max(0.0, now - known[0])))

    def _forget(self, now: float) -> None:
        """Of the two sources that were quiet longest, those whose bucket is full again: they are as good as new ones.

        Two for each that comes, so that the memory of a flood goes by itself, and no connection ever pays for a sweep.
        """
        buckets = self._buckets
        for _ in range(min(2, len(buckets))):
            oldest = next(iter(buckets))
            tokens, since = buckets[oldest]
            if len(buckets) < MAX_SOURCES and (now < since or tokens + (now - since) * self._rate < self._burst):
                return
            del buckets[oldest]
            self._recover(oldest, now)

    def sources(self) -> tuple[Source, ...]:
        """Return the sources that have a bucket, the quietest first."""
        return tuple(self._buckets)

    def entries(self, sources: Iterable[Source], now: float) -> list[tuple[int, int, float, float]]:
        """Return those of these sources whose bucket is not full: version, number, tokens, since when."""
        return [
            (*source, *bucket)
            for source in sources
            if (bucket := self._buckets.get(source)) is not None
            and (now < bucket[1] or bucket[0] + (now - bucket[1]) * self._rate < self._burst)
        ]

    def restore(self, source: Source, tokens: float, since: float, now: float) -> None:
        """Take over the bucket of a source. A pause never lasts longer than this table's own."""
        if len(self._buckets) < MAX_SOURCES:
            self._buckets[source] = (min(max(tokens, 0.0), self._burst), min(since, now + self._pause))

    def same_rate(self, other: RateTable) -> bool:
        """Whether the other table gives out tokens just as this one does."""
        return (self._rate, self._burst, self._pause) == (other._rate, other._burst, other._pause)


WINDOW = 60.0
"""Seconds in which the inetds count starts (CNT_INTVL of all of them)."""


class StartLimit:
    """At most ``count`` starts of one service within 60 s from the first, for all clients; one more pauses it for ``pause`` s.

    The inetds' own guard against a program that ends at once. They closed the socket for the pause; here it refuses. Asked at
    admission and counted at the start, or a client that may not connect could pause the service for all.
    """

    __slots__ = ("_began", "_count", "_pause", "_paused_until", "_started")

    def __init__(self, count: int, pause: float) -> None:
        self._count = count
        self._pause = pause
        self._started = 0
        self._began = 0.0
        self._paused_until = 0.0

    @property
    def limit(self) -> int:
        """Starts within a minute that are allowed."""
        return self._count

    def open(self, now: float) -> bool:
        """Whether one more may start. What is refused does not count, and does not lengthen the pause."""
        if now < self._paused_until:
            return False
        if self._started >= self._count and 0 <= now - self._began <= WINDOW:
            self._paused_until, self._started = now + self._pause, 0
            return False
        return True

    def would_refuse(self, now: float) -> bool:
        """Return whether a start would be refused now. Begins no pause."""
        return now < self._paused_until or (self._started >= self._count and 0 <= now - self._began <= WINDOW)

    def count(self, now: float) -> None:
        """One has started."""
        if not self._started or not 0 <= now - self._began <= WINDOW:
            self._began, self._started = now, 0
        self._started += 1

    def within(self, now: float) -> int:
        """Return the starts of the minute that is counted now; the limit itself while the service pauses."""
        if now < self._paused_until:
            return self._count
        return self._started if 0 <= now - self._began <= WINDOW else 0

    def state(self) -> tuple[int, float, float]:
        """Return starts, since when they are counted, and until when the service pauses."""
        return self._started, self._began, self._paused_until

    def restore(self, started: int, began: float, paused_until: float, now: float) -> None:
        """Take over what an earlier front counted. A pause never lasts longer than this limit's own."""
        self._started, self._began = max(0, started), min(began, now)
        self._paused_until = min(paused_until, now + self._pause)

    def same_limit(self, other: StartLimit) -> bool:
        """Whether the other counts to the same number, and pauses as long."""
        return (self._count, self._pause) == (other._count, other._pause)
