"""Penalties: a source that misbehaves is refused for a while, longer with each offence. Pure; runs in the front.

The idea is sshd's PerSourcePenalties (sshd_config(5)), for any program: each cause costs so many seconds, they add up to a most,
and they go by with time. Times are monotonic seconds, passed in. A service with `[limits.penalties]` has such a table; one more,
fed by sensors (xinetd's SENSOR), is for all services.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from superd.frozen import frozen
from superd.occupancy import Source
from superd.source_limits import PenaltyKeys

MAX_SOURCES = 65536
"""Sources remembered for one service, about 200 bytes each; sshd remembers as many of each family."""
MAX_TOLD = 1024
"""Sources at once whose penalty is logged when it begins and when it has gone by; the refusals say the rest."""
FALL_OUT = 8
"""A full table drops the source with the least penalty left among this many of the oldest: exact order would cost a heap."""


class Cause(StrEnum):
    """What a source can be penalised for: the keys of `[limits.penalties]`."""

    REFUSED = "refused"
    NO_BYTES = "no_bytes"
    EXIT_NONZERO = "exit_nonzero"
    SIGNAL = "signal"
    START_TIMEOUT = "start_timeout"
    LIMIT_HIT = "limit_hit"


@dataclass(slots=True)
class Penalty:
    """One source's: ``until`` it is refused, its ``offences`` by cause, how often it was ``refused`` since the first.

    An offence is a ``Cause``, or in the table of all services the sensor that was touched.
    """

    until: float
    since: float
    offences: dict[str, int]
    refused: int = 0

    def why(self) -> str:
        """Return what the source did, as `refused 3, signal 1`."""
        return ", ".join(f"{offence} {count}" for offence, count in self.offences.items())


@frozen
class PenaltyNews:
    """A source is refused for ``seconds`` from now on, because of ``why``; or, with None, no longer after so many refusals."""

    source: Source
    seconds: float | None = None
    why: str = ""
    refused: int = 0


class Penalties:
    """The penalties of one service. Owned by the front."""

    __slots__ = ("_cost", "_least", "_most", "_news", "_told", "by_source")

    def __init__(self, cost: Mapping[Cause, float], least: float, most: float) -> None:
        """``cost``: seconds for each cause, 0 for none. ``least``: seconds from which a penalty counts. ``most``: its cap."""
        self._cost: dict[str, float] = {cause.value: seconds for cause, seconds in cost.items()}
        self._least = least
        self._most = most
        self.by_source: OrderedDict[Source, Penalty] = OrderedDict()
        """Written here alone; read to see at no cost that it is empty."""
        self._told: set[Source] = set()
        self._news: list[PenaltyNews] = []

    def __len__(self) -> int:
        return len(self.by_source)

    def add(self, source: Source, cause: Cause, now: float) -> float:
        """Add the seconds of ``cause`` and return how long the source is refused from ``now`` on, 0.0 if it is not."""
        cost = self._cost.get(cause, 0.0)
        if not cost:
            return self.left(source, now)
        known = self._offend(source, cause.value, now)
        known.until = min(known.until + cost, now + self._most)
        left = self.left(source, now)
        if left and source not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(source)
            self._news.append(PenaltyNews(source, left, known.why()))
        return left

    def ban(self, source: Source, offence: str, seconds: float, now: float) -> None:
        """Refuse the source for ``seconds`` from ``now`` on, whatever was left to it."""
        self._offend(source, offence, now).until = now + seconds

    def _offend(self, source: Source, offence: str, now: float) -> Penalty:
        known = self.by_source.pop(source, None)
        if known is not None and known.until <= now:
            self._gone(source, known)
        if known is None or known.until <= now:
            self._make_room(now)
            known = Penalty(now, now, {})
        known.offences[offence] = known.offences.get(offence, 0) + 1
        self.by_source[source] = known
        return known

    def left(self, source: Source, now: float) -> float:
        """Return the seconds for which the source is still refused; 0.0 while its penalty is below the least that counts."""
        known = self.by_source.get(source)
        if known is None:
            return 0.0
        if known.until <= now:
            self._gone(source, self.by_source.pop(source))
            return 0.0
        return known.until - now if self._counts(known) else 0.0

    def refuses(self, source: Source, now: float) -> bool:
        """Return whether a connection of ``source`` is refused, and count it if so."""
        if not self.by_source or not self.left(source, now):
            return False
        self.by_source[source].refused += 1
        return True

    def forgive(self, sources: Iterable[Source], now: float) -> list[tuple[Source, Penalty]]:
        """Forget the penalties of these sources; return those that still counted."""
        found = []
        for source in sources:
            known = self.by_source.pop(source, None)
            if known is None:
                continue
            self._gone(source, known)
            if known.until > now and self._counts(known):
                found.append((source, known))
        return found

    def sources(self) -> tuple[Source, ...]:
        """Return the sources that have penalties, the oldest first."""
        return tuple(self.by_source)

    def why(self, source: Source) -> str:
        """Return what the source did, as `refused 3, signal 1`."""
        known = self.by_source.get(source)
        return known.why() if known is not None else ""

    def tidy(self, now: float) -> None:
        """Forget those of the two oldest penalties that have gone by: what a flood left goes with the next connections."""
        for source in [source for source, _ in zip(self.by_source, range(2), strict=False)]:
            self.left(source, now)

    def take_news(self) -> list[PenaltyNews]:
        """Return what is still to be logged, once."""
        if not self._news:
            return self._news
        news, self._news = self._news, []
        return news

    def adopt(self, old: Penalties) -> None:
        """Take over what the service's earlier self remembers; it counts by this one's seconds from now on."""
        self.by_source, self._told, self._news = old.by_source, old._told, old._news

    def living(self, now: float) -> Iterator[tuple[Source, Penalty]]:
        """The penalties that count at ``now``, oldest first."""
        for source, known in self.by_source.items():
            if known.until > now and self._counts(known):
                yield source, known

    def _gone(self, source: Source, known: Penalty) -> None:
        if source in self._told:
            self._told.discard(source)
            self._news.append(PenaltyNews(source, refused=known.refused))

    def _counts(self, known: Penalty) -> bool:
        return sum(self._cost.get(offence, 0.0) * count for offence, count in known.offences.items()) >= self._least

    # ------------------------------------------------------------------ from front to front

    def entries(self, sources: Iterable[Source], now: float) -> list[tuple[int, int, float | None, float, int, dict[str, int]]]:
        """Return what of these has not gone by: source, until when (None for ever), since when, refused, offences."""
        return [
            (*source, known.until if math.isfinite(known.until) else None, known.since, known.refused, known.offences)
            for source in sources
            if (known := self.by_source.get(source)) is not None and known.until > now
        ]

    def restore(self, source: Source, penalty: Penalty, now: float) -> None:
        """Take over a penalty of an earlier front. It is never longer than this table's most."""
        if len(self.by_source) < MAX_SOURCES and penalty.until > now:
            penalty.until = min(penalty.until, now + self._most)
            self.by_source[source] = penalty

    def _make_room(self, now: float) -> None:
        if len(self.by_source) < MAX_SOURCES:
            return
        oldest = [source for source, _ in zip(self.by_source, range(FALL_OUT), strict=False)]
        least = min(oldest, key=lambda source: self.by_source[source].until)
        for source in oldest:
            if source == least or self.by_source[source].until <= now:
                self._gone(source, self.by_source.pop(source))


def sensors_table() -> Penalties:
    """Return the table of all services: addresses that touched a sensor, for as long as its `deny_time` says."""
    return Penalties({}, 0.0, math.inf)


def deny_seconds(deny_time: Literal["FOREVER", "NEVER"] | int) -> float:
    """Return the seconds of a `deny_time`; 0.0 for none."""
    return math.inf if deny_time == "FOREVER" else 0.0 if deny_time == "NEVER" else 60.0 * deny_time


def time_left(seconds: float) -> str:
    """Return how long a penalty goes on, for people."""
    return f"for another {seconds:.0f} s" if math.isfinite(seconds) else "for ever"


def penalties_of(keys: PenaltyKeys) -> Penalties | None:
    """The table that these keys ask for, or None where no cause has seconds."""
    if not keys.model_fields_set:
        return None  # as of nearly every service
    cost = {cause: seconds for cause in Cause if (seconds := getattr(keys, cause.value)) is not None}
    return Penalties(cost, keys.min, keys.max) if cost else None
