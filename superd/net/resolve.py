"""Names of addresses, confirmed as libwrap confirms them (socket.c, sock_hostname), without ever stopping the loop.

Runs in: the front. /etc/hosts first, as nsswitch's ``files``; then DNS by dnspython on trio. Bounded in time, number, memory
and in what is parsed of an answer; one look-up in flight for an address. A look-up that takes too long yields ``unknown``;
rules that need a known host then do not match.
Never: admits or refuses.
"""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import trio

from superd.net.bounded_dns import MOST_ADDRESSES, BoundedBackend
from superd.net.names import ROOT, can_be_confirmed, confirmed, is_address, plain
from superd.peer import PARANOID, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from superd.settings import Settings

MAX_CACHE = 65536
MAX_TTL, MIN_TTL = 60.0, 1.0
"""Seconds an answer is believed: what the server says, within these."""
MAX_NAME = 127
"""libwrap's STRING_LENGTH, less the end."""

# All that dnspython would import at the first question is imported here: this is loaded by the master, and the front, which
# asks, may be unable to read what is installed.
dns.asyncbackend.get_backend("trio")
for _kind in ("PTR", "A", "AAAA", "CNAME", "DNAME", "SOA", "NS", "OPT"):
    dns.rdata.get_rdata_class(dns.rdataclass.IN, dns.rdatatype.from_text(_kind))  # type: ignore[no-untyped-call]

_ANY_4, _ANY_6 = ipaddress.ip_address("0.0.0.0"), ipaddress.ip_address("::")  # noqa: S104 - the kind of address is asked for
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


class HostsFile:
    """/etc/hosts, read again when it changed; empty where nsswitch.conf's line for hosts has no ``files``."""

    def __init__(self, path: str = "/etc/hosts", order: str = "/etc/nsswitch.conf") -> None:
        self._path = path
        self._order = order
        self._stamp: object = None
        self._names: dict[str, str] = {}
        self._addresses: dict[str, set[str]] = {}
        self.asks_dns = True
        """Whether nsswitch.conf has ``dns`` too (or ``resolve``, which is systemd's), or does not say."""

    async def _fresh(self) -> None:
        stamp = await _stamp(self._path), await _stamp(self._order)
        if stamp == self._stamp:
            return
        text, sources = await _text(self._path), _sources(await _text(self._order))
        self._stamp = stamp
        self.asks_dns = not {"dns", "resolve"}.isdisjoint(sources)
        names: dict[str, str] = {}
        addresses: dict[str, set[str]] = {}
        for line in text.splitlines() if "files" in sources else ():
            address, *words = line.partition("#")[0].split()[:64] or [""]
            if not words or not is_address(address):
                continue
            address = plain(address)
            names.setdefault(address, words[0])
            for word in words:
                addresses.setdefault(word.lower(), set()).add(address)
        self._names, self._addresses = names, addresses

    async def name_of(self, address: str) -> str | None:
        """The first name on the address's first line."""
        await self._fresh()
        return self._names.get(plain(address))

    async def addresses_of(self, name: str) -> set[str]:
        """Every address that bears the name."""
        await self._fresh()
        return self._addresses.get(name.lower(), set())


async def _stamp(path: str) -> object:
    try:
        status = await trio.Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


async def _text(path: str) -> str:
    try:
        return await trio.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sources(text: str) -> list[str]:
    """Where nsswitch.conf(5) says that hosts are looked up; of its services, superd knows these two."""
    found = re.search(r"^[ \t]*hosts:([^#\n]*)", text, re.MULTILINE)
    return found[1].split() if found else ["files", "dns"]


class LookupPlaces:
    """Places for look-ups: ``at_once`` in all, of which one network gets a sixteenth.

    Reverse zones are delegated by networks, and one whose servers are dead holds each of its places for the whole deadline.
    With shares it holds up only its own peers.
    """

    def __init__(self, at_once: int) -> None:
        self._all = trio.CapacityLimiter(at_once)
        self._share = max(1, at_once // 16)
        self._networks: dict[str, trio.CapacityLimiter] = {}

    def resize(self, at_once: int) -> None:
        """Change the number of places; look-ups that have one keep it."""
        self._all.total_tokens = at_once
        self._share = max(1, at_once // 16)
        for share in self._networks.values():
            share.total_tokens = self._share

    @asynccontextmanager
    async def of(self, address: str) -> AsyncIterator[None]:
        """Waits for a place: first among the peers of the address's network, and then, holding no other up, among all."""
        network = _network(address)
        share = self._networks.setdefault(network, trio.CapacityLimiter(self._share))
        try:
            async with share, self._all:
                yield
        finally:
            numbers = share.statistics()
            if not numbers.borrowed_tokens and not numbers.tasks_waiting:
                self._networks.pop(network, None)


def _network(address: str) -> str:
    """The network that shares a reverse zone, by custom: /24, and /48 of IPv6."""
    spelled = plain(address)
    return str(ipaddress.ip_network((spelled, 48 if ":" in spelled else 24), strict=False))


class _Found:
    """The outcome of one look-up while it goes on."""

    def __init__(self) -> None:
        self.name, self.ttl = UNKNOWN, MIN_TTL


class Resolver:
    """``name_of`` is all the daemon needs; ``deadline`` seconds for one name, ``at_once`` look-ups at a time."""

    def __init__(
        self,
        *,
        deadline: float = 5.0,
        at_once: int = 256,
        hosts: HostsFile | None = None,
        nameservers: list[tuple[str, int]] | None = None,
        configuration: str = "/etc/resolv.conf",
    ) -> None:
        self._deadline = deadline
        self._places = LookupPlaces(at_once)
        self._hosts = hosts or HostsFile()
        self._nameservers = nameservers
        self._configuration = configuration
        self._configured: object = None
        self._cache: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._flying: dict[str, trio.Event] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None
        self.lookups, self.seconds = 0, 0.0
        """Look-ups that are over, and how long they took in all."""

    def configure(self, settings: Settings) -> None:
        """Take the deadline and the number of look-ups from the settings."""
        # A little less than a decision has, so that its answer (not unknown, but not confirmed: paranoid) still counts.
        deadline, at_once = 0.9 * settings.policy.decide_timeout, settings.policy.lookups_at_once
        if deadline != self._deadline:
            self._deadline, self._resolver = deadline, None
        self._places.resize(at_once)

    async def name_of(self, address: str) -> str:
        """Return the confirmed name of ``address``, ``unknown`` where there is none (or none in time), or ``paranoid``."""
        return await self._name_of(address, places=True)

    async def look_up(self, address: str) -> str:
        """The same without a place among the look-ups of connections: the caller limits how many there are."""
        return await self._name_of(address, places=False)

    async def _name_of(self, address: str, *, places: bool) -> str:
        if not is_address(address):
            return UNKNOWN
        while True:
            known = self._cache.get(address)
            if known is not None and known[1] > trio.current_time():
                return known[0]
            flying = self._flying.get(address)
            if flying is None:
                break
            await flying.wait()
        self._flying[address] = trio.Event()
        found, began = _Found(), trio.current_time()
        try:
            with trio.move_on_after(self._deadline):
                async with self._places.of(address) if places else nullcontext():
                    await self._look_up(address, found)
        finally:
            self.lookups += 1
            self.seconds += trio.current_time() - began
            self._remember(address, found.name, found.ttl)
            self._flying.pop(address).set()
        return found.name

    async def addresses_of(self, name: str) -> tuple[set[str], float]:
        """Return all addresses of a name, none where no server knows one in time, and for how many seconds that is believed."""
        with trio.move_on_after(self._deadline):
            found, ttl = await self._hosts.addresses_of(name), MAX_TTL
            if not found and self._hosts.asks_dns:
                for address in (_ANY_4, _ANY_6):
                    more, _, its = await self._forward(name, address)
                    if more:
                        found, ttl = found | more, min(ttl, its)
            return {address for address in found if is_address(address)}, ttl if found else MIN_TTL
        return set(), MIN_TTL

    def cached(self, address: str) -> str | None:
        """What is known of ``address`` without asking a server."""
        known = self._cache.get(address)
        return known[0] if known is not None and known[1] > trio.current_time() else None

    def _remember(self, address: str, name: str, ttl: float) -> None:
        if len(self._cache) >= MAX_CACHE:
            self._cache.popitem(last=False)
        self._cache[address] = (name, trio.current_time() + min(max(ttl, MIN_TTL), MAX_TTL))

    async def _look_up(self, address: str, found: _Found) -> None:
        """Fills ``found`` step by step, so that a deadline leaves what is known by then: a name that is not confirmed."""
        name = await self._hosts.name_of(address)
        ttl = MAX_TTL
        if name is None and self._hosts.asks_dns:
            name, ttl = await self._reverse(address)
        if name is None or (name != ROOT and not _NAME.fullmatch(name)):
            found.ttl = ttl
            return
        found.name = PARANOID
        if not can_be_confirmed(name):
            found.ttl = ttl
            return
        name = name[:MAX_NAME]
        others, canonical = await self._hosts.addresses_of(name), name
        if not others and self._hosts.asks_dns:
            others, canonical, forward_ttl = await self._forward(name, ipaddress.ip_address(plain(address)))
            ttl = min(ttl, forward_ttl)
        found.name = confirmed(name, address, canonical, others)
        found.ttl = ttl

    async def _dns(self) -> dns.asyncresolver.Resolver:
        stamp = None if self._nameservers is not None else await _stamp(self._configuration)
        if self._resolver is None or stamp != self._configured:
            resolver = dns.asyncresolver.Resolver(self._configuration, configure=self._nameservers is None)
            if self._nameservers is not None:
                resolver.nameservers = [host for host, _ in self._nameservers]
                resolver.nameserver_ports = dict(self._nameservers)
            resolver.lifetime = self._deadline
            self._resolver, self._configured = resolver, stamp
        return self._resolver

    async def _reverse(self, address: str) -> tuple[str | None, float]:
        try:
            resolver = await self._dns()
            question = dns.reversename.from_address(plain(address))
            answer = await resolver.resolve(question, "PTR", search=False, backend=BoundedBackend())
        except (dns.exception.DNSException, OSError, ValueError):
            return None, MIN_TTL
        assert answer.rrset is not None  # an answer without one is raised as NoAnswer
        return answer[0].target.to_text(omit_final_dot=True), float(answer.rrset.ttl)

    async def _forward(self, name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[set[str], str, float]:
        try:
            resolver = await self._dns()
            kind = "A" if address.version == 4 else "AAAA"
            answer = await resolver.resolve(name, kind, search=False, backend=BoundedBackend(MOST_ADDRESSES))
        except (dns.exception.DNSException, OSError, ValueError):
            return set(), name, MIN_TTL
        assert answer.rrset is not None
        canonical = answer.canonical_name.to_text(omit_final_dot=True)
        return {record.address for record in answer}, canonical, float(answer.rrset.ttl)
