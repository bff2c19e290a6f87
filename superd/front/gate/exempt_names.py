"""The addresses of the words `dns:NAME` in `limits.penalties.exempt`, looked up now and then.

Runs in: the front. Never: has a client wait for a look-up, or forgets an address because a name server does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import trio

from superd.peer import peer_from_text

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.settings import Settings

SHORTEST, LONGEST = 5.0, 300.0
"""Seconds between two look-ups of a name: what its server says, within these."""


class FindsAddresses(Protocol):
    """Looks names up; ``superd.net.resolve.Resolver`` is one."""

    async def addresses_of(self, name: str) -> tuple[set[str], float]: ...


class ExemptNames:
    """Looks up the names of the services in force, one after the other, and gives each service its addresses."""

    def __init__(self, resolver: FindsAddresses, services: Mapping[str, CompiledService]) -> None:
        self._resolver = resolver
        self._services = services
        self._found: dict[str, frozenset[tuple[int, int]]] = {}
        self._changed = trio.Event()

    def configure(self, settings: Settings) -> None:
        """Look at the services in force: they have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Look up, and sleep until an answer is old or the services change."""
        while True:
            self._changed = trio.Event()
            pause = await self._look_up()
            with trio.move_on_after(pause):
                await self._changed.wait()

    async def _look_up(self) -> float:
        names = {name for service in self._services.values() for name in service.access.exempt_names}
        pause = LONGEST if names else float("inf")
        for name in sorted(names):
            addresses, ttl = await self._resolver.addresses_of(name)
            pause = min(pause, max(ttl, SHORTEST))
            if addresses:  # else the last ones: who must always come may come while a name server is away
                peers = map(peer_from_text, addresses)
                self._found[name] = frozenset((peer.version, peer.number) for peer in peers)
        self._found = {name: found for name, found in self._found.items() if name in names}
        for service in self._services.values():
            if service.access.exempt_names:
                found = (self._found.get(name, frozenset()) for name in service.access.exempt_names)
                service.access.exempt_addresses = frozenset().union(*found)
        return pause
