"""Which earlier rule leaves nothing to a later one, of its own table or the next: said only where it is certain. No scan.

Runs in: the operator's commands. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.policy.address_pattern import ANY, address_entry, lower
from superd.policy.hosts_access import split_at_sign

if TYPE_CHECKING:
    from superd.rule import Rule

Span = tuple[int, int, int]
"""(version, network, mask)."""


class Seen:
    """The rules so far, by daemon, then by word and by network."""

    def __init__(self) -> None:
        self._words: dict[str, dict[str, Rule]] = {}
        self._spans: dict[str, dict[tuple[int, int], dict[int, Rule]]] = {}

    def add(self, rule: Rule) -> None:
        """Remembers what the rule leaves nothing of: each of its clients, for each of its daemons."""
        if not _plain(rule) or any(option.name == "aclexec" for option in rule.options):
            return
        for daemon in map(lower, rule.daemons):
            words = self._words.setdefault(daemon, {})
            for client in rule.clients:
                words.setdefault(_key(client), rule)
                span = _span(client)
                if span is not None:
                    version, base, mask = span
                    self._spans.setdefault(daemon, {}).setdefault((version, mask), {}).setdefault(base, rule)

    def covering(self, rule: Rule) -> Rule | None:
        """An earlier rule that matches whenever this one would, for every daemon and client of it; else None."""
        daemons, clients = [lower(token) for token in _most(rule.daemons, 0)], _most(rule.clients, 1)
        if not daemons or not clients:
            return None
        together: list[Rule] = []
        for daemon in daemons:
            for client in clients:
                found = self._covers(daemon, client) or (self._covers("all", client) if daemon != "all" else None)
                if found is None:
                    return None
                together.append(found)
        # The last of them: with that one nothing is left. "allow" is asked before "deny".
        return max(together, key=lambda earlier: (earlier.table, earlier.origin.line))

    def _covers(self, daemon: str, client: str) -> Rule | None:
        words = self._words.get(daemon)
        if words is None:
            return None
        found = words.get("all") or words.get(_key(client))
        span = _span(client)
        if found is not None or span is None:
            return found
        version, base, bits = span
        for (other, mask), networks in self._spans.get(daemon, {}).items():
            if other == version and mask & bits == mask and base & mask in networks:
                return networks[base & mask]
        return None


def _most(tokens: tuple[str, ...], side: int) -> list[str]:
    """A list that matches at least what this one does: up to its EXCEPT, and of what stands around an `@` one side."""
    found: list[str] = []
    for token in tokens:
        if lower(token) == "except":
            break
        parts = split_at_sign(token)
        found.append(token if parts is None else parts[side])
    return found


def _key(token: str) -> str:
    # Case counts in netgroups and paths, and nowhere else.
    return token if token[:1] in ("@", "/") else lower(token)


def _plain(rule: Rule) -> bool:
    """Without EXCEPT, servers, users, files and netgroups, whose sets cannot be compared."""
    if any(lower(token) == "except" or "@" in token for token in (*rule.daemons, *rule.clients)):
        return False
    return not any(token.startswith("/") for token in rule.clients)


def _span(token: str) -> Span | None:
    entry = address_entry(token) if token else None
    return None if entry == ANY else entry
