"""What a service itself says about who may come: bans, addresses, load, hours, instances, sources, rate. Pure.

xinetd's order but for two things: addresses come first, so that nobody who may not connect uses anything up, and the rate
comes last, so that it counts only what was let in (xinetd: access.c, parent_access_control).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from superd.policy.addresses import AddressList
from superd.policy.hours import Hours
from superd.policy.rate import RateTable, StartLimit
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.occupancy import Occupancy, Source
    from superd.peer import Peer
    from superd.policy.bans import Sensor
    from superd.service import Service


class Conditions(Protocol):
    """What admission asks of the world; each is looked at only by services that care."""

    sensor: Sensor

    def load(self, now: float) -> float: ...
    def minute_of_week(self) -> tuple[int, int]: ...
    def process_limit(self) -> int | None: ...


class Access:
    """One service's own rules, compiled. The rate tables are its only mutable part; a reload may hand them on."""

    __slots__ = (
        "_v4_shift",
        "_v6_shift",
        "counts_sources",
        "hours",
        "instances",
        "max_load",
        "name",
        "no_access",
        "only_from",
        "per_source",
        "rates",
        "sensor",
        "starts",
    )  # fmt: skip

    def __init__(self, service: Service) -> None:
        """Raises ``ValueError`` naming a word that is no address or no time."""
        limits = service.limits
        self.name = service.name
        self.only_from = None if service.only_from is None else AddressList(service.only_from)
        self.no_access = AddressList(service.no_access) if service.no_access else None
        self.hours = Hours(service.access_times) if service.access_times else None
        self.max_load = service.max_load
        self.instances = service.instances
        self.per_source = service.per_source
        self.sensor = service.sensor
        self.rates: list[tuple[RateTable, Reason]] = []
        if service.cps is not None and service.cps[0] > 0:
            self.rates.append((RateTable(service.cps[0], max(1.0, service.cps[0]), service.cps[1]), Reason.RATE))
        if limits.source_rate is not None:
            self.rates.append((RateTable(*limits.source_rate, 0.0), Reason.SOURCE_RATE))
        self.starts = None if limits.per_minute is None else StartLimit(*limits.per_minute)
        self._v4_shift = 32 - limits.v4_prefix
        self._v6_shift = 128 - limits.v6_prefix
        self.counts_sources = service.per_source is not None

    def source_of(self, peer: Peer) -> Source:
        """The peer's address cut to the prefix that counts as one source."""
        if peer.version == 4:
            return 4, peer.number >> self._v4_shift
        return peer.version, peer.number >> self._v6_shift

    def counted_source(self, peer: Peer) -> Source | None:
        """The source to count the session under, or None where nobody looks."""
        return self.source_of(peer) if self.counts_sources and peer.version else None

    def adopt(self, old: Access) -> None:
        """Takes over what the service's earlier self has counted, where the rate is the same."""
        if len(old.rates) == len(self.rates) and all(
            mine.same_rate(theirs) for (mine, _), (theirs, _) in zip(self.rates, old.rates, strict=True)
        ):
            self.rates = old.rates
        if self.starts is not None and old.starts is not None and self.starts.same_limit(old.starts):
            self.starts = old.starts


def compile_access(service: Service) -> Access:
    """The service's own rules, ready for ``admit``. Raises ``ValueError`` naming a bad word."""
    return Access(service)


def check_addresses(access: Access, peer: Peer, sensor: Sensor, now: float) -> Verdict | Ask | None:
    """Bans and address lists alone: ``None`` when they let the peer in. no_access wins over only_from, always."""
    if sensor.banned(peer, now):
        return Verdict(False, Reason.ADDRESS, detail="banned by a sensor")
    if access.no_access is not None:
        answer = access.no_access.matches(peer)
        if isinstance(answer, Ask):
            return answer
        if answer:
            return Verdict(False, Reason.ADDRESS, detail="in no_access")
    if access.only_from is not None and peer.version:
        answer = access.only_from.matches(peer)
        if isinstance(answer, Ask):
            return answer
        if not answer:
            return Verdict(False, Reason.ADDRESS, detail="not in only_from")
    if access.sensor:
        return Verdict(False, Reason.SENSOR, detail="a sensor")
    return None


def admit(access: Access, peer: Peer, counts: Occupancy, now: float, world: Conditions) -> Verdict | Ask | None:
    """``None``: nothing here is against the peer. ``Ask``: its name must be known first. Else the refusal."""
    answer = check_addresses(access, peer, world.sensor, now)
    if answer is not None:
        return answer
    if access.max_load is not None and world.load(now) >= access.max_load:
        return Verdict(False, Reason.LOAD, detail=f"load {world.load(now):.2f}")
    if access.hours is not None and not access.hours.open_at(*world.minute_of_week()):
        return Verdict(False, Reason.HOURS, detail="outside access_times")
    if access.instances is not None and counts.by_service.get(access.name, 0) >= access.instances:
        return Verdict(False, Reason.INSTANCES, detail=f"{access.instances} instances run")
    if access.per_source is not None and peer.version:
        if counts.by_source.get((access.name, access.source_of(peer)), 0) >= access.per_source:
            return Verdict(False, Reason.PER_SOURCE, detail=f"{access.per_source} of this source run")
    limit = world.process_limit()
    if limit is not None and counts.total >= limit:
        return Verdict(False, Reason.PROCESSES, detail=f"{limit} programs run")
    if access.rates and peer.version:
        source = access.source_of(peer)
        for table, reason in access.rates:
            if not table.take(source, now):
                return Verdict(False, reason, detail="too many connections from this source")
    if access.starts is not None and not access.starts.open(now):
        return Verdict(False, Reason.STARTS, detail="too many starts within a minute; the service is paused")
    return None
