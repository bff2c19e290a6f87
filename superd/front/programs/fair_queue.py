"""Requests in the order in which they are sent: services take turns, and within a service its sources.

Runs in: the front. Pure: knows neither sockets nor launchers. One client that floods a service waits for itself: a launch of
another service is the second to go, however many wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """A round robin of round robins. ``length`` is how many items wait in all."""

    __slots__ = ("_counts", "_first", "_services", "length")

    def __init__(self) -> None:
        self._first: deque[Item] = deque()
        self._services: dict[str, dict[Hashable, deque[Item]]] = {}
        """Service → source → what waits, each in the order of its turns: the first key is the next."""
        self._counts: dict[str, int] = {}
        self.length = 0  # a number, not __len__: it is asked for several times for each connection

    def __iter__(self) -> Iterator[Item]:
        """Everything, in no particular order."""
        yield from self._first
        for sources in self._services.values():
            for lane in sources.values():
                yield from lane

    def count(self, service: str) -> int:
        """Return how many launches of the service wait."""
        return self._counts.get(service, 0)

    def put_first(self, item: Item) -> None:
        """Add what goes before all launches, after what was put here earlier."""
        self._first.append(item)
        self.length += 1

    def put(self, service: str, source: Hashable, item: Item) -> None:
        """Add what waits for the turn of its service and source."""
        sources = self._services.get(service)
        if sources is None:
            sources = self._services[service] = {}
        lane = sources.get(source)
        if lane is None:
            sources[source] = deque((item,))
        else:
            lane.append(item)
        self._counts[service] = self._counts.get(service, 0) + 1
        self.length += 1

    def put_after(self, service: str, source: Hashable, item: Item) -> bool:
        """Add it to the lane of a launch that waits, so that it follows; False when nothing waits there."""
        lane = self._services.get(service, {}).get(source)
        if lane is None:
            return False
        self.put(service, source, item)
        return True

    def take(self) -> Item:
        """Return what is next, and let the others have their turns. Raises ``StopIteration`` when nothing waits."""
        if self._first:
            self.length -= 1
            return self._first.popleft()
        service, sources = next(iter(self._services.items()))
        source, lane = next(iter(sources.items()))
        item = lane.popleft()
        self.length -= 1
        if not lane:
            del sources[source]
            if not sources:
                del self._services[service], self._counts[service]
                return item
        elif len(sources) > 1:
            sources[source] = sources.pop(source)
        if len(self._services) > 1:
            self._services[service] = self._services.pop(service)
        self._counts[service] -= 1
        return item

    def clear(self) -> None:
        """Forget everything."""
        self._first.clear()
        self._services.clear()
        self._counts.clear()
        self.length = 0
