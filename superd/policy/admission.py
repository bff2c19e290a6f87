"""What a service itself says about who may come: bans, addresses, load, hours, instances, sources, rate. Pure.

Runs in: the front, the operator's commands. xinetd's order with two changes: addresses come first, so that a client which may
not connect uses nothing up; the rate comes last, so that it counts only what was admitted (access.c, parent_access_control).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from superd.policy.addresses import address_list
from superd.policy.hours import Hours
from superd.policy.penalties import penalties_of, time_left
from superd.policy.rate import RateTable, StartLimit
from superd.policy.wide_source import WideSource
from superd.verdict import ADMITTED, Ask, Need, Reason, Verdict

if TYPE_CHECKING:
    from superd.occupancy import Network, Occupancy, Source
    from superd.peer import Peer
    from superd.policy.penalties import Cause, Penalties
    from superd.policy.wished import Wished
    from superd.service import Service


BURST_SECONDS = 5
"""`cps` without a pause lets a source that was quiet make so many seconds' worth of connections at once."""


class Conditions(Protocol):
    """What admission asks of the world; each is looked at only by services that care."""

    sensors: Penalties
    wished: Wished

    def load(self, now: float) -> float: ...
    def minute_of_week(self) -> tuple[int, int]: ...
    def process_limit(self) -> int | None: ...


class Access:
    """One service's own rules, compiled. The rate tables are its only mutable part; a reload may hand them on."""

    __slots__ = (
        "_v4_shift",
        "_v6_shift",
        "counts_sources",
        "exempt",
        "exempt_addresses",
        "exempt_names",
        "has_networks",
        "hours",
        "instances",
        "max_load",
        "name",
        "no_access",
        "only_from",
        "penalties",
        "per_source",
        "quiet",
        "rates",
        "sensor",
        "starts",
        "tables",
        "unpenalised",
        "wide",
    )  # fmt: skip

    def __init__(self, service: Service) -> None:
        """Raises ``ValueError`` naming a word that is neither an address nor a time."""
        limits = service.limits
        self.name = service.name
        self.only_from = None if service.only_from is None else address_list(service.only_from)
        self.no_access = address_list(service.no_access) if service.no_access else None
        self.hours = Hours(service.access_times) if service.access_times else None
        self.max_load = service.max_load
        self.instances = service.most_instances
        self.per_source = service.per_source
        self.sensor = service.sensor
        self.rates: list[tuple[RateTable, Reason]] = []
        if service.cps is not None and service.cps[0] > 0:
            rate, pause = service.cps
            burst = max(1.0, rate if pause else BURST_SECONDS * rate)
            self.rates.append((RateTable(rate, burst, pause), Reason.RATE))
        if limits.source_rate is not None:
            self.rates.append((RateTable(*limits.source_rate, 0.0), Reason.SOURCE_RATE))
        self.starts = None if limits.per_minute is None else StartLimit(*limits.per_minute)
        self._v4_shift = 32 - limits.v4_prefix
        self._v6_shift = 128 - limits.v6_prefix
        self.wide = [WideSource(limit) for limit in limits.source]
        self.penalties = penalties_of(limits.penalties)
        words = limits.penalties.exempt_words
        self.unpenalised = address_list(words) if words else None
        self.exempt_names = limits.penalties.exempt_names
        self.exempt_addresses: frozenset[Source] = frozenset()
        """The addresses of ``exempt_names``, as far as they are known."""
        self.counts_sources = service.per_source is not None
        self.exempt = address_list(limits.exempt) if limits.exempt else None
        self.quiet = address_list(service.quiet) if service.quiet else None
        self.has_networks = bool(self.wide)
        """Whether networks are counted besides sources. Asked for every connection, as is ``tables``."""
        self.tables = self._all_tables()
        """All rate tables: where there may be news for ``rate_news``."""

    def _all_tables(self) -> list[RateTable]:
        return [table for table, _ in self.rates] + [wide.rate for wide in self.wide if wide.rate is not None]

    def source_of(self, peer: Peer) -> Source:
        """The peer's address cut to the prefix that counts as one source; of a unix peer the user."""
        if peer.version == 4:
            return 4, peer.number >> self._v4_shift
        if peer.version:
            return 6, peer.number >> self._v6_shift
        return 0, -1 if peer.uid is None else peer.uid

    def counted_source(self, peer: Peer) -> Source | None:
        """The source to count the session under, or None where it is not needed."""
        if not self.counts_sources or (self.exempt is not None and self.is_exempt(peer)):
            return None
        return self.source_of(peer)

    def counted_networks(self, peer: Peer) -> tuple[Network, ...]:
        """The networks of `[[limits.source]]` to count the session under."""
        if not self.wide or not peer.version or self.is_exempt(peer):
            return ()
        return tuple([wide.network(peer) for wide in self.wide if wide.sessions is not None])

    def over_sessions(self, peer: Peer, counts: Occupancy) -> Verdict | None:
        """The refusal of a peer one of whose networks has as many sessions as it may have."""
        for wide in self.wide if peer.version and not self.is_exempt(peer) else ():
            running = counts.by_source.get((self.name, wide.network(peer)), 0)
            if wide.sessions is not None and running >= wide.sessions:
                detail = f"{running} of {wide.describe(peer)} run"
                return Verdict(False, Reason.SOURCE_LIMIT, detail=detail, limit=wide.sessions, now=running)
        return None

    # ------------------------------------------------------------------ penalties

    def penalised(self, peer: Peer, now: float) -> Verdict | Ask | None:
        """The refusal of a peer whose source has penalties; an ``Ask`` where only its name can tell that it is exempt."""
        return self._penalised(self.penalties, self.source_of(peer), peer, now) if self.penalties else None

    def sensed(self, sensors: Penalties, peer: Peer, now: float) -> Verdict | Ask | None:
        """The refusal of a peer whose address touched a sensor of any service, as ``penalised`` says it."""
        return self._penalised(sensors, (peer.version, peer.number), peer, now)

    def _penalised(self, table: Penalties, source: Source, peer: Peer, now: float) -> Verdict | Ask | None:
        left = table.left(source, now)
        if not left:
            return None
        exempt = self.unpenalised.matches(peer) if self.unpenalised is not None else False
        if isinstance(exempt, Ask) and exempt.need is Need.HOST_NAME and (peer.version, peer.number) not in self.exempt_addresses:
            return _ASK_NAME
        if exempt is True or (peer.version, peer.number) in self.exempt_addresses:
            return None
        table.refuses(source, now)
        return Verdict(False, Reason.PENALTY, detail=f"{time_left(left)}: {table.why(source)}")

    def is_unpenalised(self, peer: Peer) -> bool:
        """Whether this peer never has penalties. A name in the list counts once it is known."""
        listed = self.unpenalised is not None and self.unpenalised.matches(peer) is True
        return listed or (peer.version, peer.number) in self.exempt_addresses

    def penalise(self, peer: Peer, cause: Cause, now: float) -> None:
        """Add the seconds that ``cause`` costs to the peer's source."""
        if self.penalties is not None and not self.is_unpenalised(peer):
            self.penalties.add(self.source_of(peer), cause, now)

    def penalty_news(self, now: float) -> list[str]:
        """A line for each source that is refused from now on, or not any more, since the last call."""
        if self.penalties is None:
            return []
        self.penalties.tidy(now)
        lines = []
        for news in self.penalties.take_news():
            who = self.describe(news.source)
            if news.seconds is not None:
                lines.append(f"{who} is refused for {news.seconds:.0f} s: {news.why}")
            else:
                lines.append(f"{who} is refused no longer; refused meanwhile: {news.refused}")
        return lines

    def shift(self, version: int) -> int:
        """Return how many bits of an address of this version do not count."""
        return self._v4_shift if version == 4 else self._v6_shift

    def shared_source(self, peer: Peer) -> Source | None:
        """The source whose share of a pool the peer uses; None where no limit for one source holds it."""
        return None if self.is_exempt(peer) else self.source_of(peer)

    def is_exempt(self, peer: Peer) -> bool:
        """Whether no limit for one source holds this peer. A name in the list exempts no peer: it would have to be asked for."""
        return self.exempt is not None and self.exempt.matches(peer) is True

    def is_quiet(self, peer: Peer | None) -> bool:
        """Whether no line is written about this peer's connections. A name in the list counts once it is known."""
        return self.quiet is not None and peer is not None and self.quiet.matches(peer) is True

    def over_rate(self, peer: Peer, now: float) -> Verdict | None:
        """The refusal of a peer whose source connects too often. Counts this connection."""
        if not self.tables or (self.exempt is not None and self.is_exempt(peer)):
            return None
        source = self.source_of(peer)
        for table, reason in self.rates:
            if not table.take(source, now):
                return Verdict(False, reason, detail=f"this source makes more than {table}", limit=table.rate)
        if not self.has_networks:
            return None
        for wide in self.wide if peer.version else ():
            if wide.rate is not None and not wide.rate.take(wide.network(peer)[:2], now):
                detail = f"{wide.describe(peer)} makes more than {wide.rate}"
                return Verdict(False, Reason.SOURCE_LIMIT, detail=detail, limit=wide.rate.rate)
        return None

    def too_quick(self, peer: Peer, now: float) -> Reason | None:
        """Return the reason for which a rate, or the limit of starts, would refuse this peer now. Counts nothing."""
        if not self.is_exempt(peer):
            source = self.source_of(peer)
            for table, reason in self.rates:
                if table.would_refuse(source, now):
                    return reason
            for wide in self.wide if peer.version else ():
                if wide.rate is not None and wide.rate.would_refuse(wide.network(peer)[:2], now):
                    return Reason.SOURCE_LIMIT
        return Reason.STARTS if self.starts is not None and self.starts.would_refuse(now) else None

    def rate_news(self) -> list[str]:
        """A line for each source that has reached a rate, or slowed down, since the last call."""
        lines: list[str] = []
        for table, reason in self.rates:
            lines += _rate_lines(table, reason, self.describe)
        for wide in self.wide:
            if wide.rate is not None:
                lines += _rate_lines(wide.rate, Reason.SOURCE_LIMIT, wide.describe_source)
        return lines

    def describe(self, source: Source) -> str:
        """A source as it is written, with its prefix where that is not a whole address."""
        version, number = source
        if version == 4:
            text = str(ipaddress.IPv4Address(number << self._v4_shift))
            return f"{text}/{32 - self._v4_shift}" if self._v4_shift else text
        if version == 6:
            text = str(ipaddress.IPv6Address(number << self._v6_shift))
            return f"{text}/{128 - self._v6_shift}" if self._v6_shift else text
        return f"uid:{number}" if number >= 0 else "the service"

    def adopt(self, old: Access) -> None:
        """Takes over what the service's earlier self has counted, where the rate is the same."""
        if len(old.rates) == len(self.rates) and all(
            mine.same_rate(theirs) for (mine, _), (theirs, _) in zip(self.rates, old.rates, strict=True)
        ):
            self.rates = old.rates
        if self.exempt_names:
            self.exempt_addresses = old.exempt_addresses  # until they are looked up again, which is at once
        if self.penalties is not None and old.penalties and (self._v4_shift, self._v6_shift) == (old._v4_shift, old._v6_shift):
            self.penalties.adopt(old.penalties)
        for mine in self.wide:
            for theirs in old.wide:
                if mine.same_as(theirs):
                    mine.rate = theirs.rate
        if self.starts is not None and old.starts is not None and self.starts.same_limit(old.starts):
            self.starts = old.starts
        self.tables = self._all_tables()


def _rate_lines(table: RateTable, reason: Reason, describe: Callable[[Source], str]) -> list[str]:
    lines: list[str] = []
    news, table.news = table.news, []
    for item in news:
        who = describe(item.source)
        if item.seconds is None:
            lines.append(f"{who} makes more than {table} ({reason.value}): the rest is refused")
        else:
            lines.append(f"{who} has slowed down: {item.refused} connections were refused in {item.seconds:.0f} s")
    return lines


def compile_access(service: Service) -> Access:
    """The service's own rules, ready for ``admit``. Raises ``ValueError`` naming a bad word."""
    return Access(service)


_ASK_NAME = Ask(Need.HOST_NAME, own=True)


def check_addresses(access: Access, peer: Peer, world: Conditions, now: float) -> Verdict | Ask:
    """Ask bans and address lists alone: ADMITTED when they admit the peer. no_access wins over only_from, always."""
    if world.wished.any and (refusal := world.wished.refusal(access.name, peer, now)) is not None:
        return refusal
    if world.sensors.by_source and (sensed := access.sensed(world.sensors, peer, now)) is not None:
        return sensed
    if access.no_access is not None:
        answer = access.no_access.matches(peer)
        if isinstance(answer, Ask):
            return _ASK_NAME
        if answer:
            return Verdict(False, Reason.ADDRESS, detail="in no_access")
    if access.only_from is not None:
        answer = access.only_from.matches(peer)
        if isinstance(answer, Ask):
            return _ASK_NAME
        if not answer:
            return Verdict(False, Reason.ADDRESS, detail="not in only_from")
    if access.sensor:
        return Verdict(False, Reason.SENSOR, detail="a sensor")
    return ADMITTED


def admit(access: Access, peer: Peer, counts: Occupancy, now: float, world: Conditions) -> Verdict | Ask:
    """Ask all of a service's own rules: ADMITTED, a refusal, or an ``Ask`` with ``own`` when the peer's name is needed first."""
    if access.penalties and (refusal := access.penalised(peer, now)) is not None:
        return refusal
    answer = check_addresses(access, peer, world, now)
    return check_limits(access, peer, counts, now, world) if answer is ADMITTED else answer


def check_counts(access: Access, peer: Peer, counts: Occupancy) -> Verdict | None:
    """Ask what runs at once alone: the refusal, or None when one more may run."""
    if access.instances is not None and (running := counts.by_service.get(access.name, 0)) >= access.instances:
        return Verdict(False, Reason.INSTANCES, detail=f"{running} instances run", limit=access.instances, now=running)
    if access.per_source is not None and (access.exempt is None or not access.is_exempt(peer)):
        running = counts.by_source.get((access.name, access.source_of(peer)), 0)
        if running >= access.per_source:
            detail = f"{running} of this source run"
            return Verdict(False, Reason.PER_SOURCE, detail=detail, limit=access.per_source, now=running)
    return access.over_sessions(peer, counts) if access.has_networks else None


def check_limits(access: Access, peer: Peer, counts: Occupancy, now: float, world: Conditions) -> Verdict:
    """Ask load, hours, counts and rates alone: ADMITTED when one more may start. A `wait` program's peer has no user."""
    if access.max_load is not None and world.load(now) >= access.max_load:
        load = world.load(now)
        return Verdict(False, Reason.LOAD, detail=f"load {load:.2f}", limit=access.max_load, now=round(load, 2))
    if access.hours is not None and not access.hours.open_at(*world.minute_of_week()):
        return Verdict(False, Reason.HOURS, detail="outside access_times")
    full = check_counts(access, peer, counts)
    if full is not None:
        return full
    limit = world.process_limit()
    if limit is not None and counts.total >= limit:
        return Verdict(False, Reason.PROCESSES, detail=f"{counts.total} programs run", limit=limit, now=counts.total)
    if access.tables and (refusal := access.over_rate(peer, now)) is not None:
        return refusal
    if access.starts is not None and not access.starts.open(now):
        detail = "too many starts within a minute; the service is paused"
        return Verdict(False, Reason.STARTS, detail=detail, limit=access.starts.limit)
    return ADMITTED
