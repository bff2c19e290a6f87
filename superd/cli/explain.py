"""``superd explain``: who decides about a client, and why. The decision is the one a real connection gets."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.cli.diagnostics import print_problems
from superd.cli.match import decide_with_netgroups
from superd.cli.names import confirmed_name
from superd.errors import ConfigError
from superd.load.sources import Sources
from superd.occupancy import Occupancy
from superd.peer import UNKNOWN, Peer, peer_from_text
from superd.policy.admission import admit, compile_access
from superd.policy.bans import Sensor
from superd.policy.hosts_access import compile_policy, decide_unseen
from superd.policy.trace import deciding_key, own_rules
from superd.problem import Origin, did_you_mean
from superd.verdict import Ask, Need, Reason, Verdict

if TYPE_CHECKING:
    from superd.policy.hosts_access import Tables
    from superd.policy.trace import Look
    from superd.registry import Registry
    from superd.service import Service


class _Now:
    """The world as admission sees it for a try: nobody banned, nothing running."""

    sensor = Sensor()

    def load(self, now: float) -> float:
        import os

        return os.getloadavg()[0]

    def minute_of_week(self) -> tuple[int, int]:
        local = time.localtime()
        return local.tm_wday, local.tm_hour * 60 + local.tm_min

    def process_limit(self) -> int | None:
        return None


def explain(sources: Sources, name: str, address: str, client: str, user: str) -> int:
    """Prints every step. Returns 0 let in, 1 refused, 64 usage, 78 errors."""
    from superd.config.hosts.policy import parse_policy
    from superd.load.policy import load_policy
    from superd.load.registry import load

    try:
        registry, _ = load(sources)
        settings = registry.settings.policy
        files, _ = load_policy(settings.hosts_allow, settings.hosts_deny)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    service = registry.services.get(name)
    if service is None:
        hint = did_you_mean(name, sorted(registry.services))
        sys.stderr.write(f"superd: error: no service `{name}`{'; ' + hint if hint else ''}\n")
        return 64
    try:
        peer = peer_from_text(address, name=client, user=user)
    except ValueError:
        sys.stderr.write(f"superd: error: `{address}` is not an address\n")
        return 64
    if service.wait and service.socket_type is SocketType.STREAM:
        where = _place(registry, name, "wait")
        sys.stdout.write(f"{where}: wait = true: the program accepts the connections itself, and superd sees no client\n")
        if "NOLIBWRAP" in service.flags:
            return 0
        verdict = decide_unseen(compile_policy(parse_policy(files)[0]), service.daemon)
        sys.stdout.write(f"{'granted' if verdict.admit else 'refused'}: {verdict.why()}\n")
        return 0 if verdict.admit else 1
    access = compile_access(service)
    answer = admit(access, peer, Occupancy(), 0.0, _Now())
    if isinstance(answer, Ask):
        peer = _unknown(peer, answer.need)
        answer = admit(access, peer, Occupancy(), 0.0, _Now())
    assert not isinstance(answer, Ask)  # addresses ask for the name alone
    for key, said in own_rules(service, peer, answer):
        sys.stdout.write(f"{_place(registry, name, key)}: {key + ' ' if key else ''}{said}\n")
    if answer is not None:
        sys.stdout.write(f"service {name}: refused: {answer.why()} ({_place(registry, name, deciding_key(answer))})\n")
        return 1
    sys.stdout.write(f"service {name}: its own rules let {address} come\n")
    if "NOLIBWRAP" in service.flags:
        where = _place(registry, name, "flags")
        sys.stdout.write(f"granted: flag NOLIBWRAP ({where}), hosts.allow and hosts.deny are not asked\n")
        return _last_word(registry, service, user)
    looks, verdict = _ask(compile_policy(parse_policy(files)[0]), service, peer)
    for look in looks:
        sys.stdout.write(f"{look}\n")
    sys.stdout.write(f"{'granted' if verdict.admit else 'refused'}: {verdict.why()}\n")
    return _last_word(registry, service, user) if verdict.admit else 1


def _last_word(registry: Registry, service: Service, user: str) -> int:
    """Whoever was let in may still be refused by IDONLY."""
    if "IDONLY" not in service.flags or user not in ("", UNKNOWN):
        return 0
    where = _place(registry, service.name, "flags")
    sys.stdout.write(f"refused: {Reason.IDENT.value}: flag IDONLY ({where}), and no user is known: --user says one\n")
    return 1


def _ask(tables: Tables, service: Service, peer: Peer) -> tuple[tuple[Look, ...], Verdict]:
    """The decision, with what was not said about the client taken as unknown, which is told."""
    server = _server(service, peer)
    while True:
        looks, verdict = decide_with_netgroups(tables, service.daemon, peer, server)
        if isinstance(verdict, Verdict):
            # Nothing was asked: what is unknown did not matter.
            return looks, verdict
        if verdict.need is Need.SERVER_NAME:
            server = replace(server, name=confirmed_name(server.address))
        else:
            peer = _unknown(peer, verdict.need)


def _unknown(peer: Peer, need: Need) -> Peer:
    key, option = ("user", "--user") if need is Need.USER_NAME else ("name", "--name")
    sys.stdout.write(f"the client's {key} is asked for, and taken as unknown: {option} says another\n")
    return replace(peer, user=UNKNOWN) if need is Need.USER_NAME else replace(peer, name=UNKNOWN)


def _server(service: Service, peer: Peer) -> Peer:
    """Our end of such a connection, as far as the service's file tells."""
    addresses = service.addresses()
    port = next((address.port for address in addresses), 0)
    # Of a datagram's own end nobody tells the front the address.
    for address in addresses if service.socket_type is SocketType.STREAM else ():
        if address.host not in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            end = peer_from_text(address.host, address.port)
            if end.version == peer.version:
                return end
    return Peer("unknown", 0, 0, port, name=UNKNOWN)


def _place(registry: Registry, name: str, key: str) -> Origin:
    return registry.origins.get((name, key)) or registry.origins.get((name, ""), Origin(name))
