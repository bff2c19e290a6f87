"""Who may connect, by hosts.allow and hosts.deny: ``decide`` answers, or says what it must know first.

The tables are compiled once a change. Rules whose clients are addresses alone, or names alone, sit in an index by daemon
list; a decision looks up the first such rule that matches and then tries, in file order, only those before it that need more.

Runs in: the front, the operator's commands. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from superd.brackets import split_outside_brackets
from superd.peer import UNKNOWN, Peer
from superd.policy.address_pattern import lower
from superd.policy.facts import NO_FACTS, Facts
from superd.policy.file_patterns import compile_files
from superd.policy.patterns import host_match, string_match
from superd.policy.rule_index import BEGINNING, Index, Place, index_of
from superd.rule_block import rules_of
from superd.verdict import Ask, Need, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from superd.policy.file_patterns import FilePatterns
    from superd.rule import Option, Policy, Rule

__all__ = ["NO_FACTS", "Facts", "Tables", "compile_policy", "decide", "decide_unseen"]

_DIGITS = frozenset("0123456789")
_NUMBER = re.compile("[\v\f]*([+-]?)0*([0-9]{1,20})")
_NO_RULE = Verdict(True, Reason.NO_RULE)


class Tables:
    """Both tables, compiled. ``empty``: no client is ever refused and nothing ever done."""

    __slots__ = ("allow", "deny", "empty", "files")

    def __init__(self, policy: Policy) -> None:
        self.allow = index_of(rules_of(policy.allow, "allow"))
        self.deny = index_of(rules_of(policy.deny, "deny"))
        self.files = compile_files(policy.files)
        self.empty = not policy.allow and not policy.deny


def compile_policy(policy: Policy) -> Tables:
    """The tables, ready to decide. 100,000 entries take about a second; do it off the loop."""
    return Tables(policy)


def decide(tables: Tables, daemon: str, client: Peer, server: Peer, facts: Facts) -> Verdict | Ask:
    """The verdict on one request, or the one fact it hangs on (hosts_access.c, hosts_access)."""
    steps: tuple[Option, ...] = ()
    for table in (tables.allow, tables.deny):
        if not table:
            continue
        skip = BEGINNING
        while True:
            found = _first_match(table, skip, daemon, client, server, facts, tables.files)
            if found is None:
                break
            if isinstance(found, Ask):
                return found
            place, rule = found
            if not steps and (known := table.known_verdict(place)) is not None:
                return known
            rule = rule or table.rule(place)
            if not rule.options and not steps:
                return table.verdict(place, rule)
            outcome = _options(rule, facts, steps)
            if isinstance(outcome, tuple):
                # An aclexec command that failed: the rule did not match. In hosts.allow the rest of the file is skipped,
                # as in libwrap; in hosts.deny the search goes on with the next rule, where libwrap would let the client in.
                steps = outcome
                if rule.table == "allow":
                    break
                skip = place
                continue
            return outcome
    return _NO_RULE if not steps else Verdict(True, Reason.NO_RULE, steps=steps)


def _options(rule: Rule, facts: Facts, before: tuple[Option, ...]) -> Verdict | Ask | tuple[Option, ...]:
    """What the rule's options make of it; where one of its aclexec commands failed, the options that had run by then."""
    admit = rule.table == "allow"
    steps = list(before)
    for option in rule.options:
        if option.error:
            return Verdict(False, Reason.RULE_BROKEN, rule, option.error, tuple(steps))
        match option.name:
            case "allow":
                admit = True
            case "deny":
                admit = False
            case "twist":
                admit = True
                steps.append(option)
            case "aclexec":
                succeeded = facts.aclexec.get(option)
                if succeeded is None:
                    return Ask(Need.ACLEXEC, option, tuple(steps), rule=rule)
                if not succeeded:
                    return tuple(steps)
            case _:
                steps.append(option)
    return Verdict(admit, Reason.RULE_ALLOW if admit else Reason.RULE_DENY, rule, steps=tuple(steps))


def _first_match(
    table: Index,
    skip: Place,
    daemon: str,
    client: Peer,
    server: Peer,
    facts: Facts,
    files: Mapping[str, FilePatterns],
) -> tuple[Place, Rule | None] | Ask | None:
    """The place of the first rule after ``skip`` that matches, with the rule where it was looked at."""
    found = table.first(daemon, client, skip)
    if not table.has_names and not table.has_others:
        return None if found is None else (found, None)
    named = table.first_named(daemon, client.name, skip)
    if "%" in client.address:
        # Of a link-local address the zone may end like a name: `br.lan`.
        zoned = table.first_named(daemon, client.address, skip)
        if zoned is not None and (named is None or zoned <= named):
            found, named = zoned if found is None or zoned < found else found, None
    if named is not None and (found is None or named < found):
        found = named
    else:
        named = None
    for place, rule in table.walked(skip, found):
        answer = rule_match(rule, daemon, client, server, facts, files)
        if isinstance(answer, Ask):
            return answer
        if answer:
            return place, rule
    if named is not None and not client.name:
        return Ask(Need.HOST_NAME)
    return None if found is None else (found, None)


def rule_match(
    rule: Rule, daemon: str, client: Peer, server: Peer, facts: Facts, files: Mapping[str, FilePatterns]
) -> bool | Ask:
    """Do both lists of the rule match? The daemon list first, and the clients only if it does."""
    answer = _list_match(rule.daemons, lambda token: server_match(token, daemon, server, facts, files))
    if answer is not True:
        return answer
    return _list_match(rule.clients, lambda token: client_match(token, client, facts, files))


def _list_match(tokens: tuple[str, ...], matches: Callable[[str], bool | Ask]) -> bool | Ask:
    """Left to right, EXCEPT nesting to the right (hosts_access.c, list_match).

    A loop: a recursion as deep as a line has EXCEPTs would be a fault of ours that the line's author chooses.
    """
    matched, found = False, True  # `found`: the answer if what stands between these two EXCEPTs matches
    for token in tokens:
        if lower(token) == "except":
            if not matched:
                return not found
            matched, found = False, not found
        elif not matched:
            answer = matches(token)
            if isinstance(answer, Ask):
                return answer
            matched = answer
    return found if matched else not found


def split_at_sign(token: str) -> tuple[str, str] | None:
    """Around the first ``@`` after the first character and outside brackets; a bracket that comes first is not counted."""
    return split_outside_brackets(token, "@", 1)


def _port(name: str) -> int | None:
    """The port that a daemon's name is, as scanf's %u reads numbers: white space, a sign, and modulo 2**32."""
    match = _NUMBER.fullmatch(name) if name[-1:] in _DIGITS else None
    if match is None or int(match[2]) >= 1 << 64:
        return None
    number = int(match[1] + match[2]) & 0xFFFFFFFF
    return number if number <= 65535 else None


def server_match(token: str, daemon: str, server: Peer, facts: Facts, files: Mapping[str, FilePatterns]) -> bool | Ask:
    """``daemon[@server]``; a number is the server's port and never a daemon's name."""
    parts = split_at_sign(token)
    name, host = parts if parts is not None else (token, "")
    port = _port(name)
    if port is not None:
        if server.port == 0 or server.port != port:
            return False
    elif not string_match(name, daemon):
        return False
    if parts is None:
        return True
    return bool(host) and host_match(host, server, facts, files, Need.SERVER_NAME)


def client_match(token: str, client: Peer, facts: Facts, files: Mapping[str, FilePatterns]) -> bool | Ask:
    """``[user@]client``: the host first; only for a host that matches is the user asked for."""
    parts = split_at_sign(token)
    if parts is None:
        return host_match(token, client, facts, files)
    user, host = parts
    answer = bool(host) and host_match(host, client, facts, files)
    if answer is not True:
        return answer
    if not client.user:
        return Ask(Need.USER_NAME)
    return string_match(user, client.user)


_NOBODY_SEEN = Peer("", 0, 0, name=UNKNOWN, user=UNKNOWN)
_EVERYBODY = ("all",)


def decide_unseen(tables: Tables, daemon: str) -> Verdict:
    """The verdict on a program that accepts its clients itself, so that superd sees none of them: the closed reading.

    A rule of hosts.allow counts if it admits every client, and any rule of hosts.deny for this daemon refuses them all:
    the clients that it refuses cannot be distinguished from others (xinetd and tcpd ask with an unknown client).
    """
    for rule in _of_daemon(tables.allow, daemon):
        if _names_daemon(rule, daemon, tables) and tuple(map(lower, rule.clients)) == _EVERYBODY:
            outcome = _options(rule, NO_FACTS, ())
            if isinstance(outcome, Verdict) and outcome.admit:
                return Verdict(True, Reason.RULE_ALLOW, rule)
            return Verdict(False, Reason.RULE_DENY, rule, _UNSEEN)
    for rule in _of_daemon(tables.deny, daemon):
        if _names_daemon(rule, daemon, tables):
            return Verdict(False, Reason.RULE_DENY, rule, _UNSEEN)
    return _NO_RULE


_UNSEEN = "with wait = true superd sees no client that the rule could be held against"


def _of_daemon(table: Index, daemon: str) -> Iterator[Rule]:
    """The rules that may be for a daemon, in their order: of those that are packed, the first with each daemon list."""
    first = table.first_of_daemon(daemon)
    for rule in table.not_packed():
        if first is not None and rule.origin.line > first.origin.line:
            yield first
            first = None
        yield rule
    if first is not None:
        yield first


def _names_daemon(rule: Rule, daemon: str, tables: Tables) -> bool:
    answer = _list_match(rule.daemons, lambda token: server_match(token, daemon, _NOBODY_SEEN, NO_FACTS, tables.files))
    return answer is not False  # what hangs on a look-up may be this daemon
