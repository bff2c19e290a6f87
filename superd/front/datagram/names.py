"""Names of the senders of datagrams: what is cached, and look-ups in the background for the next datagram.

Runs in: the front. A datagram never waits, and its sender may be forged: these look-ups have places of their own, a
sixteenth of those of connections, and are dropped when all are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from superd.front.handing_over import StartTask
    from superd.settings import Settings

SHARE = 16
"""Look-ups for connections to each of one for datagrams."""


class Names(Protocol):
    """A cache of names with look-ups; ``superd.net.resolve.Resolver`` is one."""

    def cached(self, address: str) -> str | None: ...
    async def look_up(self, address: str) -> str: ...


class SenderNames:
    """The names of senders."""

    def __init__(self, names: Names, start_task: StartTask) -> None:
        self._names = names
        self._start_task = start_task
        self._limit = 1
        self._running: set[str] = set()

    def configure(self, settings: Settings) -> None:
        """Take the number of look-ups from the settings."""
        self._limit = max(1, settings.policy.lookups_at_once // SHARE)

    def name_of(self, address: str) -> str | None:
        """Return the name if it is cached; else None, and it is looked up if there is a place."""
        name = self._names.cached(address)
        if name is None and address not in self._running and len(self._running) < self._limit:
            self._running.add(address)
            self._start_task(self._look_up, address)
        return name

    async def _look_up(self, address: str) -> None:
        try:
            await self._names.look_up(address)
        finally:
            self._running.discard(address)
