"""How many sessions live, by service and by source: what limits are held against. Owned by the front; decides nothing.

Counts belong to the service's id, not to a socket: they outlive reloads and pauses (xinetd's do not).
"""

from __future__ import annotations

Source = tuple[int, int]
"""(version, address cut to the prefix that counts as one source)."""
Network = tuple[int, int, int]
"""(version, address cut to a prefix, bits cut off): a source of `[[limits.source]]`, of which a session has several."""


class Occupancy:
    """Living sessions only, so it is as small as they are few."""

    __slots__ = ("by_service", "by_source", "total")

    def __init__(self) -> None:
        self.total = 0
        self.by_service: dict[str, int] = {}
        self.by_source: dict[tuple[str, Source | Network], int] = {}

    def enter(self, service: str, source: Source | None, networks: tuple[Network, ...] = ()) -> None:
        """A session of ``service`` begins; ``source`` is None where sources are not counted."""
        self.total += 1
        self.by_service[service] = self.by_service.get(service, 0) + 1
        if source is not None:
            self._add(service, source)
        for network in networks:
            self._add(service, network)

    def _add(self, service: str, source: Source | Network) -> None:
        key = (service, source)
        self.by_source[key] = self.by_source.get(key, 0) + 1

    def leave(self, service: str, source: Source | None, networks: tuple[Network, ...] = ()) -> None:
        """It ends; the counts go back to what they were before it entered."""
        self.total -= 1
        left = self.by_service[service] - 1
        if left:
            self.by_service[service] = left
        else:
            del self.by_service[service]
        if source is not None:
            self._take(service, source)
        for network in networks:
            self._take(service, network)

    def _take(self, service: str, source: Source | Network) -> None:
        key = (service, source)
        left = self.by_source[key] - 1
        if left:
            self.by_source[key] = left
        else:
            del self.by_source[key]
