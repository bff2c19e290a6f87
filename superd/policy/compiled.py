"""An index of the rules that look at nothing but an address. First match stays exact; a decision stays microseconds.

What denyhosts, fail2ban and country lists write is 100,000 lines of ``ALL: 192.0.2.7`` or ``sshd: 10.1.``. Those rules
become, for each daemon list, a table per mask; only rules that need more (names, users, EXCEPT, files) are walked.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from superd.policy.patterns import lower, network, split_mask, string_match
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.rule import Rule

_V4 = 0xFFFFFFFF
_V6 = (1 << 128) - 1
_PLAIN_V4 = re.compile(r"\.".join(["(0|[1-9][0-9]{0,2})"] * 4))
ANY = (0, 0, 0)
"""The entry of a pattern that matches everybody."""


class AddressIndex:
    """The rules of one table by position. ``others`` are those that must be tried one by one, in order."""

    __slots__ = ("_for_daemon", "_groups", "_verdicts", "others", "rules")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.others: list[tuple[int, Rule]] = []
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._for_daemon: dict[str, tuple[_Group, ...]] = {}
        self._verdicts: dict[int, Verdict] = {}
        for position, rule in enumerate(rules):
            entries = _entries(rule)
            if entries is None:
                self.others.append((position, rule))
            else:
                group = self._groups.setdefault(rule.daemons, _Group())
                for entry in entries:
                    group.add(entry, position)

    def first(self, daemon: str, client: Peer, skip: int = -1) -> tuple[int, Rule] | None:
        """The first indexed rule after position ``skip`` that matches daemon and address."""
        groups = self._for_daemon.get(daemon)
        if groups is None:
            groups = tuple(
                group for daemons, group in self._groups.items() if any(string_match(word, daemon) for word in daemons)
            )
            if len(self._for_daemon) < 4096:
                self._for_daemon[daemon] = groups
        best = -1
        for group in groups:
            found = group.first(client, skip)
            if found >= 0 and (best < 0 or found < best):
                best = found
        return (best, self.rules[best]) if best >= 0 else None

    def verdict(self, position: int, rule: Rule) -> Verdict:
        """What a rule without options says: always the same, so it is made once. Making it costs as much as finding it."""
        known = self._verdicts.get(position)
        if known is None:
            admit = rule.table == "allow"
            known = self._verdicts[position] = Verdict(admit, Reason.RULE_ALLOW if admit else Reason.RULE_DENY, rule)
        return known


class _Group:
    """The entries of rules with the same daemon list: for each version and mask, network → positions."""

    __slots__ = ("anybody", "tables")

    def __init__(self) -> None:
        self.tables: dict[tuple[int, int], dict[int, tuple[int, ...] | list[int]]] = {}
        self.anybody: list[int] = []

    def add(self, entry: tuple[int, int, int], position: int) -> None:
        if entry == ANY:
            self.anybody.append(position)
            return
        version, number, mask = entry
        table = self.tables.setdefault((version, mask), {})
        known = table.get(number)
        if known is None:
            table[number] = (position,)  # a tuple of one is half a list, and nearly all are
        elif known[-1] == position:
            return
        elif isinstance(known, list):
            known.append(position)
        else:
            table[number] = [*known, position]

    def first(self, client: Peer, skip: int) -> int:
        best = next((position for position in self.anybody if position > skip), -1) if self.anybody else -1
        for (version, mask), table in self.tables.items():
            if version == client.version:
                for position in table.get(client.number & mask, ()):
                    if position > skip:
                        if best < 0 or position < best:
                            best = position
                        break
        return best


def _entries(rule: Rule) -> list[tuple[int, int, int]] | None:
    """(version, network, mask) of each client, or ``None`` for a rule that needs more than an address."""
    for word in rule.daemons:
        if lower(word) == "except" or "@" in word[1:] or word[:1].isdecimal() or word[:1] in ("+", "-"):
            return None
    entries: list[tuple[int, int, int]] = []
    for word in rule.clients:
        entry = address_entry(word)
        if entry is None:
            return None
        entries.append(entry)
    return entries


def address_entry(word: str) -> tuple[int, int, int] | None:
    """(version, network, mask) of a pattern that looks at nothing but the address, ``ANY`` for ALL, else ``None``."""
    plain = _PLAIN_V4.fullmatch(word)
    if plain is not None:  # what long lists are full of
        one, two, three, four = map(int, plain.groups())
        if one < 256 and two < 256 and three < 256 and four < 256:
            return 4, one << 24 | two << 16 | three << 8 | four, _V4
    if lower(word) == "all":
        return ANY
    if word[0] in "@/" or "@" in word or "*" in word or "?" in word:
        return None
    slash = split_mask(word)
    if "%" in word:
        return None
    if slash is not None:
        return network(*slash)
    if word[0] == "[" and word[-1] == "]":
        try:
            number = int(ipaddress.IPv6Address(word[1:-1]))
        except ValueError:
            return None
        # A bracketed pattern is compared with the name too, where no rule of this index may look.
        return None if number >> 32 == 0xFFFF else (6, number, _V6)
    if word[-1] == ".":
        parts = word[:-1].split(".")
        if len(parts) <= 3 and all(_canonical(part) for part in parts):
            bits = 8 * len(parts)
            number = 0
            for part in parts:
                number = number << 8 | int(part)
            return 4, number << (32 - bits), (_V4 << (32 - bits)) & _V4
        return None
    return None


def _canonical(part: str) -> bool:
    return part.isascii() and part.isdecimal() and str(int(part)) == part and int(part) < 256
