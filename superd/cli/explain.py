"""``superd explain``: who decides about a client, and why. The decision is the one a real connection gets.

Runs in: the operator's commands. Never: decides by rules of its own, or connects to the client.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.cli.explain_live import ask
from superd.cli.match import with_netgroup
from superd.cli.names import confirmed_name
from superd.cli.served import served
from superd.key_conflicts import is_set
from superd.load.sources import Sources
from superd.occupancy import Occupancy
from superd.peer import UNKNOWN, Peer, local_text, peer_from_text, unix_peer
from superd.policy.admission import admit, compile_access
from superd.policy.deciding import Known, deciding, drive
from superd.policy.hosts_access import compile_policy, decide_unseen
from superd.policy.penalties import penalties_of, sensors_table
from superd.policy.proxies import STRANGER, Proxies, Sender
from superd.policy.trace import deciding_key, dry_facts, own_rules, trace
from superd.policy.wished import Wished
from superd.problem import Origin, did_you_mean
from superd.safe_text import safe
from superd.system import accounts
from superd.verdict import Ask, Need, Reason, Verdict

if TYPE_CHECKING:
    from superd.policy.hosts_access import Tables
    from superd.registry import Registry
    from superd.service import Service


class _Now:
    """The world as admission sees it for a try: no address banned, nothing running."""

    sensors = sensors_table()
    wished = Wished()

    def load(self, now: float) -> float:
        import os

        return os.getloadavg()[0]

    def minute_of_week(self) -> tuple[int, int]:
        local = time.localtime()
        return local.tm_wday, local.tm_hour * 60 + local.tm_min

    def process_limit(self) -> int | None:
        return None


def explain(
    sources: Sources, name: str, address: str, client: str, user: str, proxy: str = "", certificate: frozenset[str] = frozenset()
) -> int:
    """Print every step. ``address`` may be ``uid:NAME``; ``proxy`` is the peer that announces it in a PROXY header.

    ``certificate`` holds the names of the client's certificate.

    Return 0 admitted, 1 refused, 64 usage, 78 errors.
    """
    from superd.config.hosts.policy import parse_policy

    found = served(sources)
    if found is None:
        return 78
    registry, files = found
    service = registry.services.get(name)
    if service is None:
        hint = did_you_mean(name, sorted(registry.services))
        sys.stderr.write(f"superd: error: no service `{name}`{'; ' + hint if hint else ''}\n")
    try:
        peer = _local_peer(address) if address.startswith("uid:") else peer_from_text(address, name=client, user=user)
    except (KeyError, ValueError):
        sys.stderr.write(f"superd: error: `{address}` is not an address\n")
        sys.stderr.write("  hint: write an IP address, or `uid:NAME` for the client of a unix socket\n")
        return 64
    if service is None:
        return 64
    if certificate and not service.tls.client_ca:
        sys.stderr.write(f"superd: error: service `{name}` asks for no certificate: it has no tls.client_ca\n")
        return 64
    peer = replace(peer, certificate=certificate)
    if proxy and not service.proxy_protocol:
        sys.stderr.write(f"superd: error: service `{name}` reads no PROXY header: it has no proxy_protocol\n")
        return 64
    if service.proxy_protocol:
        try:
            other = _local_peer(proxy) if proxy.startswith("uid:") else peer_from_text(proxy) if proxy else peer
        except (KeyError, ValueError):
            sys.stderr.write(f"superd: error: `{proxy}` is not an address\n")
            return 64
        if not _may_announce(registry, service, other, announced=bool(proxy)):
            return 1
    if service.wait and service.socket_type is SocketType.STREAM:
        where = _place(registry, name, "wait")
        sys.stdout.write(f"{where}: wait = true: the program accepts the connections itself, and superd sees no client\n")
        if "NOLIBWRAP" in service.flags:
            return 0
        verdict = decide_unseen(compile_policy(parse_policy(files)[0]), service.daemon)
        sys.stdout.write(f"{'admitted' if verdict.admit else 'refused'}: {verdict.why()}\n")
        return 0 if verdict.admit else 1
    live = ask(sources, name, peer.address if peer.version else local_text(peer))
    status = _Try(registry, service, user, asked=live is not None).run(compile_policy(parse_policy(files)[0]), peer)
    for line in live.lines if live is not None else ():
        sys.stdout.write(f"{line}\n")
    if live is not None and live.refuses and not status:
        sys.stdout.write(f"refused now: {live.refuses}\n")
        return 1
    return status


def _may_announce(registry: Registry, service: Service, other: Peer, *, announced: bool) -> bool:
    """Print what the service makes of the other end of the socket; return whether the client's turn has come."""
    proxies, write = Proxies(service), sys.stdout.write
    sender = proxies.sender(other)
    key = "proxy_optional_from" if sender is Sender.CLIENT else "proxy_from"
    where = _place(registry, service.name, key)
    if sender is Sender.STRANGER:
        write(f"service {service.name}: refused: {STRANGER.why()} ({where})\n")
        if not announced:
            write("a proxy must announce the client: `--proxy ADDRESS` tries one\n")
        return False
    if sender is Sender.CLIENT:
        write(f"{where}: {key} names {other.address}: it is served as it is, and no header is read\n")
        return not announced
    write(f"{where}: {key} names {other.address}: ")
    write("its header announces the client\n" if announced else "its header may say LOCAL, and then it is the client itself\n")
    return True


class _Try:
    """One question, with what was not given about the client taken as unknown; prints each step."""

    def __init__(self, registry: Registry, service: Service, user: str, *, asked: bool) -> None:
        """``asked``: the running superd is asked too."""
        self._registry = registry
        self._asked = asked
        self._service = service
        self._user = user
        self._access = compile_access(service)
        self._refused_by_itself = False

    def run(self, tables: Tables, peer: Peer) -> int:
        """Ask as the front's gate does. Returns the exit status."""
        service, write = self._service, sys.stdout.write
        wrapped = "NOLIBWRAP" not in service.flags
        self._known = Known(peer, _server(service, peer), tables, dry_facts({}))
        verdict = drive(deciding(self._own, service.daemon, self._known, wrapped=wrapped), self._learn)
        if self._refused_by_itself:
            return 1
        if not wrapped:
            where = _place(self._registry, service.name, "flags")
            write(f"admitted: flag NOLIBWRAP ({where}), hosts.allow and hosts.deny are not asked\n")
            return _last_word(self._registry, service, self._user, asked=self._asked)
        known = self._known
        for look in trace(tables, service.daemon, known.client, known.server, known.facts)[0]:
            write(f"{look}\n")
        write(f"{'admitted' if verdict.admit else 'refused'}: {verdict.why()}\n")
        return _last_word(self._registry, service, self._user, asked=self._asked) if verdict.admit else 1

    def _own(self, peer: Peer) -> Verdict | Ask:
        answer = admit(self._access, peer, Occupancy(), 0.0, _Now())
        if isinstance(answer, Verdict):
            self._print_own(peer, answer)
            self._refused_by_itself = not answer.admit
        return answer

    def _print_own(self, peer: Peer, answer: Verdict) -> None:
        registry, name, write = self._registry, self._service.name, sys.stdout.write
        for key, said in own_rules(self._service, peer, None if answer.admit else answer):
            write(f"{_place(registry, name, key)}: {key + ' ' if key else ''}{said}\n")
        if answer.admit:
            write(f"service {name}: {peer.address} is admitted by the service's own settings\n")
        else:
            write(f"service {name}: refused: {answer.why()} ({_place(registry, name, deciding_key(answer))})\n")

    def _learn(self, ask: Ask) -> Known:
        known = self._known
        match ask.need:
            case Need.NETGROUP:
                known = with_netgroup(known, ask)
            case Need.SERVER_NAME:
                known = replace(known, server=replace(known.server, name=confirmed_name(known.server.address)))
            case _:
                known = replace(known, client=_found_out(known.client, ask.need))
        self._known = known
        return known


def _local_peer(text: str) -> Peer:
    """The client of a unix socket, by user. Raises ``KeyError`` for an unknown one."""
    user = accounts.account(text.removeprefix("uid:"))
    return unix_peer(user.uid, accounts.groups_of(user.name, user.gid))


def _only_live(registry: Registry, service: Service) -> str:
    """What the decision hangs on besides, that only the running superd knows: bans, and what came or runs just now."""
    keys = [key for key in ("instances", "per_source") if getattr(service, key) is not None]
    if service.at_limit == "wait":
        keys.append(f'at_limit = "wait" lets the client wait up to {service.queue_time:g} s, with {service.queue} at most')
    keys += [f"limits.{key}" for key in ("source_rate", "source", "per_minute") if getattr(service.limits, key)]
    keys += ["limits.penalties"] if penalties_of(service.limits.penalties) is not None else []
    keys += ["cps"] if service.cps is not None and is_set(service, "cps") else []
    if service.tls:
        keys.append("the handshake of TLS")
    if any(other.sensor and other.deny_time != "NEVER" for other in registry.services.values()):
        keys.append("the bans of sensors")
    return ", ".join(keys)


def _last_word(registry: Registry, service: Service, user: str, *, asked: bool) -> int:
    """An admitted client may still be refused by IDONLY."""
    if not asked and (live := _only_live(registry, service)):
        sys.stdout.write(f"not known here, but to the running superd alone: {live}\n")
    if "IDONLY" not in service.flags or user not in ("", UNKNOWN):
        return 0
    where = _place(registry, service.name, "flags")
    sys.stdout.write(f"refused: {Reason.IDENT.value}: flag IDONLY ({where}), and the user is unknown: `--user NAME` tries one\n")
    return 1


def _found_out(peer: Peer, need: Need) -> Peer:
    """The client with its name, looked up as for a connection; its user only its own ident server could say."""
    if need is Need.USER_NAME:
        sys.stdout.write("the client's user is asked for, and taken as unknown: `--user NAME` tries another\n")
        return replace(peer, user=UNKNOWN)
    name = confirmed_name(peer.address) if peer.version else UNKNOWN
    sys.stdout.write(f"the client's name is asked for, and is `{safe(name)}`: `--name NAME` tries another\n")
    return replace(peer, name=name)


def _server(service: Service, peer: Peer) -> Peer:
    """Our end of such a connection, as far as the service's file tells."""
    addresses = service.addresses()
    port = next((address.port for address in addresses), 0)
    # The front does not know the local address of a datagram.
    for address in addresses if service.socket_type is SocketType.STREAM else ():
        if address.host not in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            end = peer_from_text(address.host, address.port)
            if end.version == peer.version:
                return end
    return Peer("unknown", 0, 0, port, name=UNKNOWN)


def _place(registry: Registry, name: str, key: str) -> Origin:
    return registry.origins.get((name, key)) or registry.origins.get((name, ""), Origin(name))
