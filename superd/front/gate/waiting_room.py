"""How many connections may wait for their verdict: ``undecided`` in all, with a share for each service and each source.

Runs in: the front. A connection without a place is refused at once. Never: decides about a client.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from superd.front.shares import Key, Shares
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.peer import Peer
    from superd.settings import Settings
    from superd.verdict import Ask


class WaitingRoom:
    """The places, each for one connection from its admission to its verdict."""

    def __init__(self) -> None:
        self._limit = 0
        self._shares = Shares(0, random.random)

    def __len__(self) -> int:
        return self._shares.taken

    def configure(self, settings: Settings) -> None:
        """Take the number of places from the settings."""
        self._limit = settings.undecided
        self._shares.resize(self._limit)

    def overload(self, answer: Verdict | Ask) -> Verdict:
        """Return the verdict on a connection that gets no place, after the gate's first answer."""
        if isinstance(answer, Verdict) and not answer.admit:
            return answer
        detail = "too many connections wait"
        return Verdict(False, Reason.OVERLOAD, detail=detail, limit=self._limit, now=self._shares.taken)

    def enter(self, service: CompiledService, peer: Peer | None) -> Place | None:
        """Return a place, or None when there is none for this service or this source. ``peer`` is None for a trusted proxy."""
        key = (service.name, None if peer is None else service.access.shared_source(peer))
        exempt = peer is not None and service.access.is_exempt(peer)
        return Place(self._shares, key) if self._shares.enter(key, exempt=exempt) else None


class Place:
    """One place. ``leave`` gives it back, once."""

    __slots__ = ("_key", "_shares")

    def __init__(self, shares: Shares, key: Key) -> None:
        self._shares: Shares | None = shares
        self._key = key

    def leave(self) -> None:
        """Give the place back; a second call does nothing."""
        if self._shares is not None:
            self._shares.leave(self._key)
            self._shares = None
