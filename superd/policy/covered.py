"""Which earlier rule of a table leaves nothing to a later one. Says yes only where it is certain; never walks the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.policy.patterns import inet_addr, lower, network, split_mask

if TYPE_CHECKING:
    from superd.rule import Rule

Span = tuple[int, int, int]
"""(version, network, mask)."""


class Seen:
    """The rules of a table so far, by daemon, then by word and by network."""

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
                words.setdefault(lower(client), rule)
                span = _span(client)
                if span is not None:
                    version, base, mask = span
                    self._spans.setdefault(daemon, {}).setdefault((version, mask), {}).setdefault(base, rule)

    def covering(self, rule: Rule) -> Rule | None:
        """An earlier rule that matches whenever this one would, for every daemon and client of it; else None."""
        if not rule.daemons or not rule.clients or not _plain(rule):
            return None
        last: Rule | None = None
        for daemon in map(lower, rule.daemons):
            for client in rule.clients:
                found = self._covers(daemon, client) or (self._covers("all", client) if daemon != "all" else None)
                if found is None:
                    return None
                last = found
        return last

    def _covers(self, daemon: str, client: str) -> Rule | None:
        words = self._words.get(daemon)
        if words is None:
            return None
        found = words.get("all") or words.get(lower(client))
        span = _span(client)
        if found is not None or span is None:
            return found
        version, base, bits = span
        for (other, mask), networks in self._spans.get(daemon, {}).items():
            if other == version and mask & bits == mask and base & mask in networks:
                return networks[base & mask]
        return None


def _plain(rule: Rule) -> bool:
    """Without EXCEPT, servers, users, files and netgroups, whose sets nobody can compare."""
    if any(lower(token) == "except" or "@" in token for token in (*rule.daemons, *rule.clients)):
        return False
    return not any(token.startswith("/") for token in rule.clients)


def _span(token: str) -> Span | None:
    slash = split_mask(token)
    if slash is not None:
        return network(*slash)
    exact = inet_addr(token)
    if exact is not None:
        return 4, exact, 0xFFFFFFFF
    if token.endswith(".") and token[:-1].replace(".", "").isdecimal():
        parts = token[:-1].split(".")
        if len(parts) <= 3 and all(part.isdecimal() and str(int(part)) == part and int(part) < 256 for part in parts):
            number = 0
            for part in parts:
                number = number << 8 | int(part)
            bits = 8 * len(parts)
            return 4, number << (32 - bits), (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
    return None
