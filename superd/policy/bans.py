"""Addresses that a SENSOR has banned, and until when. Exact addresses, v4-mapped folded by ``Peer``; in memory only."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from superd.peer import Peer

MAX_BANS = 10240
"""xinetd's MAX_GLOBAL_NO_ACCESS; past it the ban that was set first goes."""


class Sensor:
    """The bans. Times are monotonic seconds."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[int, int], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def ban(self, peer: Peer, deny_time: Literal["FOREVER", "NEVER"] | int, now: float) -> bool:
        """Bans the peer, or renews its ban; False when ``deny_time`` is NEVER or the peer has no address."""
        if deny_time == "NEVER" or deny_time == 0 or not peer.version:
            return False
        key = (peer.version, peer.number)
        self._until.pop(key, None)
        if len(self._until) >= MAX_BANS:
            self._until.popitem(last=False)
        self._until[key] = float("inf") if deny_time == "FOREVER" else now + 60.0 * deny_time
        return True

    def entries(self, now: float) -> list[tuple[int, int, float]]:
        """Return the bans that hold at ``now``, the oldest first: version, address, and until when."""
        return [(*key, until) for key, until in self._until.items() if until > now]

    def lift(self, version: int, first: int, last: int, now: float) -> list[tuple[int, int, float]]:
        """Take back the bans of the addresses from ``first`` to ``last``; return those that still held, as ``entries`` does."""
        gone = [key for key in self._until if key[0] == version and first <= key[1] <= last]
        found = [(*key, self._until.pop(key)) for key in gone]
        return [entry for entry in found if entry[2] > now]

    def restore(self, version: int, number: int, until: float) -> None:
        """Take over a ban that an earlier front set."""
        if len(self._until) < MAX_BANS:
            self._until[version, number] = until

    def banned(self, peer: Peer, now: float) -> bool:
        """Whether the peer is banned at ``now``."""
        if not self._until:
            return False
        key = (peer.version, peer.number)
        until = self._until.get(key)
        if until is None:
            return False
        if until <= now:
            del self._until[key]
            return False
        return True
