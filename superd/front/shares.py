"""Places of which no service and no source gets all: one that floods holds up itself.

Runs in: the front. Knows neither connections nor commands; counts alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from superd.occupancy import Source

SHARE = 16
"""A sixteenth of all places is left to each service and to each source when half of them are taken."""

Key = tuple[str, "Source | None"]
"""A service's id and the source of its client; None where sources are unknown."""


class Shares:
    """``limit`` places. The first half is for all; of the other half each service and each source gets a share.

    So a single busy service may use more than half of them, and cannot keep the others out. With ``chance`` (0 to 1, at random)
    a source that has a place is refused another more often the fewer are left: what a flood of many sources takes, each
    with a few places, leaves room for a source that comes for the first time.
    """

    def __init__(self, limit: int, chance: Callable[[], float] | None = None) -> None:
        self.taken = 0
        self._limit = limit
        self._chance = chance
        self._by_service: dict[str, int] = {}
        self._by_source: dict[Source, int] = {}

    def resize(self, limit: int) -> None:
        """Change the number of places; those that are taken stay so."""
        self._limit = limit

    def enter(self, key: Key, *, exempt: bool = False) -> bool:
        """Take a place, if there is one for this service and this source; ``exempt`` sources have a share over the limit."""
        service, source = key
        by_service, by_source = self._by_service.get(service, 0), 0
        if source is not None:
            by_source = self._by_source.get(source, 0)
        if exempt:
            if self.taken >= self._limit + self._limit // SHARE:
                return False
        elif self.taken >= self._limit or self._is_shed(by_service, by_source):
            return False
        self.taken += 1
        self._by_service[service] = by_service + 1
        if source is not None:
            self._by_source[source] = by_source + 1
        return True

    def _is_shed(self, by_service: int, by_source: int) -> bool:
        """Whether one with so many places gets no other, though there is one."""
        half = self._limit // 2
        # Of fewer places a share would be less than two, and worth nothing.
        if self._limit < 2 * SHARE or self.taken < half:
            return False
        if max(by_service, by_source) >= self._limit // SHARE:
            return True
        return self._chance is not None and by_source > 0 and self._chance() * (self._limit - half) < self.taken - half

    def leave(self, key: Key) -> None:
        """Give the place back that ``enter`` gave for the same key."""
        service, source = key
        self.taken -= 1
        self._by_service[service] -= 1
        if not self._by_service[service]:
            del self._by_service[service]
        if source is not None:
            self._by_source[source] -= 1
            if not self._by_source[source]:
                del self._by_source[source]


class Queue:
    """Places that can be waited for, each key in its turn; a key without a share is passed over."""

    def __init__(self, limit: int) -> None:
        self._shares = Shares(limit)
        self._waiting: deque[tuple[Key, trio.Event]] = deque()

    def resize(self, limit: int) -> None:
        """Change the number of places."""
        self._shares.resize(limit)
        self._call()

    def enter(self, key: Key) -> bool:
        """Take a place without waiting, if there is one that no other waits for. ``leave`` gives it back."""
        return not self._waiting and self._shares.enter(key)

    def leave(self, key: Key) -> None:
        """Give a place back."""
        self._shares.leave(key)
        self._call()

    @asynccontextmanager
    async def place(self, key: Key) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        if self._waiting or not self._shares.enter(key):
            waiting = (key, trio.Event())
            self._waiting.append(waiting)
            self._call()
            try:
                await waiting[1].wait()
            except trio.Cancelled:
                if waiting[1].is_set():
                    self._shares.leave(key)
                    self._call()
                else:
                    self._waiting.remove(waiting)
                raise
        try:
            yield
        finally:
            self._shares.leave(key)
            self._call()

    def _call(self) -> None:
        left: deque[tuple[Key, trio.Event]] = deque()
        while self._waiting:
            waiting = self._waiting.popleft()
            if self._shares.enter(waiting[0]):
                waiting[1].set()
            else:
                left.append(waiting)
        self._waiting = left
