"""``superd match``: tcpdmatch's question and its lines, then every rule that was looked at. Executes nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.cli.problem_text import print_problems
from superd.errors import ConfigError
from superd.expansion import ExpansionTooLong, expand_shell, values_of
from superd.load.sources import Sources
from superd.peer import Peer
from superd.policy.address_pattern import lower
from superd.policy.deciding import Known, deciding, drive, nothing_own
from superd.policy.hosts_access import compile_policy
from superd.policy.trace import dry_facts, trace
from superd.problem import did_you_mean
from superd.safe_text import safe
from superd.verdict import Ask, Verdict

if TYPE_CHECKING:
    from superd.policy.hosts_access import Tables
    from superd.policy.trace import Look

_DRY = frozenset({"spawn", "twist", "aclexec", "setenv"})
"""Options whose values are shown with their expansions, as tcpdmatch shows them."""


def match(sources: Sources, daemon: str, client: str, *, here: bool) -> int:
    """Prints the answer for each address of the client. Returns 0 when all are admitted, 1 refused or not found, 64 for
    a question with an empty part, 78 errors.

    ``here``: hosts.allow and hosts.deny of the working folder.
    """
    from superd.config.hosts.policy import parse_policy
    from superd.load.policy import load_policy
    from superd.load.registry import load

    path, at_server, host = daemon.partition("@")
    name = path.rpartition("/")[2]
    # At the first `@`, as tcpdmatch: a host's name has none, and so `joe@x@host` is a host that does not exist.
    user, _, machine = client.partition("@") if "@" in client else ("", "", client)
    for part, empty in (("daemon", not name), ("server", at_server and not host), ("client", not machine)):
        if empty:
            sys.stderr.write(f"error: `{safe(client if part == 'client' else daemon)}` names no {part}\n")
            return 64
    if path != name:
        sys.stderr.write(f"warning: {safe(path)}: daemon name normalized to: {safe(name)}\n")
    try:
        registry, _ = load(sources, keep_going=True)
        settings = registry.settings.policy
        allow, deny = ("hosts.allow", "hosts.deny") if here else (settings.hosts_allow, settings.hosts_deny)
        files, _ = load_policy(allow, deny)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    known = {service.daemon for service in registry.services.values()}
    if known and name not in known:
        hint = did_you_mean(name, sorted(known))
        sys.stderr.write(f"warning: {name}: no service has this daemon name{'; ' + hint if hint else ''}\n")
    servers = _peers(host, ours=True) if host else [Peer("unknown", 0, 0, name="unknown")]
    clients = _peers(machine)
    if len(servers) != 1 or not clients:
        missing = machine if len(servers) == 1 else host
        many = len(servers) > 1
        sys.stderr.write(f"error: `{missing}` {'has more than one address' if many else 'is not a known host'}\n")
        return 1
    tables = compile_policy(parse_policy(files)[0])
    refused_one = False
    for index, peer in enumerate(clients):
        if index:
            sys.stdout.write("\n")
        one = Peer(peer.address, peer.version, peer.number, 0, peer.name, user or "unknown")
        refused_one |= not _answer(tables, name, one, servers[0])
    return 1 if refused_one else 0


def _peers(host: str, *, ours: bool = False) -> list[Peer]:
    """A host as tcpdmatch takes it: a name is looked up, and each of its addresses tried; a number only where it is ``ours``."""
    from superd.cli.names import addresses_of, confirmed_name
    from superd.peer import peer_from_text

    if lower(host) in ("unknown", "paranoid"):
        return [Peer("", 0, 0, name=lower(host))]
    try:
        peer = peer_from_text(host.strip("[]"), name="unknown")
        return [replace(peer, name=confirmed_name(peer.address))] if ours else [peer]
    except ValueError:
        return [peer_from_text(address, name=confirmed_name(address)) for address in addresses_of(host)]


def with_netgroup(known: Known, ask: Ask) -> Known:
    """Return what is known with the membership that ``ask`` names, asked of the C library."""
    from superd.net.netgroup import innetgr

    netgroups = {**known.facts.netgroups, ask.netgroup: innetgr(*ask.netgroup)}
    return replace(known, facts=dry_facts(netgroups))


def _decide(tables: Tables, daemon: str, client: Peer, server: Peer) -> tuple[tuple[Look, ...], Verdict]:
    """Return every rule that is looked at, and the verdict. Netgroups are asked; nothing else is asked or run."""
    known = Known(client, server, tables, dry_facts({}))

    def learn(ask: Ask) -> Known:
        nonlocal known
        known = with_netgroup(known, ask)
        return known

    verdict = drive(deciding(nothing_own, daemon, known), learn)
    return trace(tables, daemon, client, server, known.facts)[0], verdict


def _answer(tables: Tables, daemon: str, client: Peer, server: Peer) -> bool:
    write = sys.stdout.write
    for label, text in (
        ("client:   hostname", client.name),
        ("client:   address ", client.address),
        ("client:   username", client.user),
        ("server:   hostname", server.name),
        ("server:   address ", server.address),
        ("server:   process ", daemon),
    ):
        if text not in ("", "unknown"):
            write(f"{label} {safe(text)}\n")
    looks, verdict = _decide(tables, daemon, client, server)
    rule = verdict.rule
    twisted = False
    if rule is not None:
        write(f"matched:  {rule.origin.file} line {rule.origin.line}\n")
        values = values_of(daemon, client, server, 0)
        for option in rule.options:
            if option.error:
                write(f"error:    {option.error}\n")
                break
            try:
                text = expand_shell(option.value, values) if option.name in _DRY else option.value
            except ExpansionTooLong as problem:
                text = str(problem)
            write(f"option:   {option.name} {text}".rstrip() + "\n")
            twisted = twisted or option.name == "twist"
    write(f"access:   {'delegated' if twisted and verdict.admit else 'granted' if verdict.admit else 'denied'}\n")
    for look in looks:
        write(f"{look}\n")
    if rule is None:
        write("no rule matched\n")
    return verdict.admit
