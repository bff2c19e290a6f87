"""What operators asked for, compiled: whose connections they banned, and which services they paused. Pure.

Bans are found by prefix length, so a connection costs as much as there are different lengths, not bans.

Runs in: the front.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.wishes import Ban, Hold


class _Entry:
    """One ban: ``until`` is monotonic seconds, ``hits`` how many connections it refused."""

    __slots__ = ("ban", "hits", "until")

    def __init__(self, ban: Ban, until: float, hits: int) -> None:
        self.ban = ban
        self.until = until
        self.hits = hits


class Wished:
    """``any`` is false while operators want nothing, which is nearly always: callers look at it first."""

    __slots__ = ("_entries", "_refusing", "_tables", "_waiting", "any")

    def __init__(self) -> None:
        self.any = False
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._tables: dict[tuple[int, int], dict[int, list[_Entry]]] = {}
        """By (version, bits cut off): by what is left of the address."""
        self._refusing: dict[str, Hold] = {}
        self._waiting: frozenset[str] = frozenset()

    def replace(self, bans: Iterable[tuple[Ban, float]], holds: Iterable[Hold], now: float) -> None:
        """Put these into force in the place of the earlier ones; a ban that stays keeps its count of hits."""
        old, self._entries, self._tables = self._entries, {}, {}
        for ban, seconds in bans:
            known = old.get((ban.prefix, ban.service))
            entry = _Entry(ban, now + seconds, known.hits if known is not None else 0)
            self._entries[ban.prefix, ban.service] = entry
            network = ipaddress.ip_network(ban.prefix)
            shift = network.max_prefixlen - network.prefixlen
            table = self._tables.setdefault((network.version, shift), {})
            table.setdefault(int(network.network_address) >> shift, []).append(entry)
        holds = tuple(holds)
        self._refusing = {hold.service: hold for hold in holds if hold.refuse}
        self._waiting = frozenset(hold.service for hold in holds if not hold.refuse)
        self.any = bool(self._entries or self._refusing)

    def waits(self, service: str) -> bool:
        """Whether clients of a service wait in the kernel's queue."""
        return service in self._waiting

    def refusal(self, service: str, peer: Peer, now: float) -> Verdict | None:
        """Return why operators have this client refused, None if they do not. Counts the hit."""
        entry = self.find(service, peer, now)
        if entry is not None:
            entry.hits += 1
            return Verdict(False, Reason.BANNED, detail=f"{entry.ban.prefix} is banned")
        if service in self._refusing:
            return Verdict(False, Reason.PAUSED, detail="an operator paused the service")
        return None

    def find(self, service: str, peer: Peer, now: float) -> _Entry | None:
        """Return the ban that refuses this client of a service."""
        for (version, shift), table in self._tables.items():
            if version != peer.version:
                continue
            for entry in table.get(peer.number >> shift, ()):
                if entry.until > now and entry.ban.service in ("", service):
                    return entry
        return None

    def hit(self, prefix: str, service: str, hits: int) -> None:
        """Count hits that an earlier front counted."""
        entry = self._entries.get((prefix, service))
        if entry is not None:
            entry.hits += hits

    def hits(self) -> list[tuple[str, str, int]]:
        """Return prefix, service and hits of every ban."""
        return [(prefix, service, entry.hits) for (prefix, service), entry in self._entries.items()]
