"""One table of `[[limits.source]]`, compiled: clients of one network count as one source. Pure.

Runs in: front, cli. Never counts sessions; ``Occupancy`` does.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from superd.policy.rate import RateTable

if TYPE_CHECKING:
    from superd.occupancy import Network, Source
    from superd.peer import Peer
    from superd.source_limits import SourceLimit


class WideSource:
    """``sessions`` is the limit of sessions at once, ``rate`` counts starts; None for no such limit."""

    __slots__ = ("_v4_shift", "_v6_shift", "rate", "sessions")

    def __init__(self, limit: SourceLimit) -> None:
        self._v4_shift, self._v6_shift = 32 - limit.v4, 128 - limit.v6
        self.sessions = limit.sessions
        self.rate = RateTable(*limit.rate, 0.0) if limit.rate is not None else None

    @property
    def shifts(self) -> tuple[int, int]:
        """How many bits of an address do not count: of IPv4, of IPv6."""
        return self._v4_shift, self._v6_shift

    def network(self, peer: Peer) -> Network:
        """The peer's network; its last part keeps networks of several lengths apart."""
        shift = self._v4_shift if peer.version == 4 else self._v6_shift
        return peer.version, peer.number >> shift, shift

    def describe(self, peer: Peer) -> str:
        """The peer's network as it is written."""
        return self.describe_source(self.network(peer)[:2])

    def describe_source(self, source: Source) -> str:
        """A network as it is written."""
        version, number = source
        if version == 4:
            return f"{ipaddress.IPv4Address(number << self._v4_shift)}/{32 - self._v4_shift}"
        return f"{ipaddress.IPv6Address(number << self._v6_shift)}/{128 - self._v6_shift}"

    def same_as(self, other: WideSource) -> bool:
        """Whether the other counts the rate of the same networks to the same limit."""
        same = (self._v4_shift, self._v6_shift) == (other._v4_shift, other._v6_shift)
        return same and self.rate is not None and other.rate is not None and self.rate.same_rate(other.rate)
