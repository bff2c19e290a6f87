"""An index of the rules that look at nothing but an address, or but a name. First match stays exact; a decision microseconds.

What denyhosts, fail2ban and country lists write is 100,000 lines of ``ALL: 192.0.2.7``, ``sshd: 10.1.`` or ``ALL: .example``.
Those rules become, for each daemon list, a table per mask and one of names; only rules that need more (users, EXCEPT,
files, wildcards, addresses and names together) are walked.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from superd.policy.patterns import is_numeric, lower, network, split_mask, string_match, unmapped
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.rule import Rule

_V4 = 0xFFFFFFFF
_V6 = (1 << 128) - 1
_PLAIN_V4 = re.compile(r"\.".join(["(0|[1-9][0-9]{0,2})"] * 4))
_NAME = re.compile(r"\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_WORDS = frozenset(("all", "known", "unknown", "paranoid", "local", "except"))
ANY = (0, 0, 0)
"""The entry of a pattern that matches everybody."""


class Index:
    """The rules of one table by position. ``others`` are those that must be tried one by one, in order."""

    __slots__ = ("_for_daemon", "_groups", "_named", "_verdicts", "others", "rules")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.others: list[tuple[int, Rule]] = []
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._for_daemon: dict[str, tuple[_Group, ...]] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._named: list[int] = []
        for position, rule in enumerate(rules):
            entries = _entries(rule)
            if entries is None:
                self.others.append((position, rule))
                continue
            group = self._groups.setdefault(rule.daemons, _Group())
            for entry in entries:
                group.add(entry, position)
            if not entries and rule.clients:
                group.add_names(rule.clients, position)
                self._named.append(position)

    def walked(self, client: Peer) -> list[tuple[int, Rule]]:
        """The rules that must be tried one by one for this client, in order."""
        if "%" not in client.address or not self._named:
            return self.others
        # Of a link-local address the zone may end like a name: `br.lan`.
        return sorted([*self.others, *((position, self.rules[position]) for position in self._named)], key=lambda pair: pair[0])

    def first(self, daemon: str, client: Peer, skip: int = -1) -> tuple[int, Rule] | None:
        """The first rule of addresses after position ``skip`` that matches daemon and address."""
        best = -1
        for group in self._groups_of(daemon):
            found = group.first(client, skip)
            if found >= 0 and (best < 0 or found < best):
                best = found
        return (best, self.rules[best]) if best >= 0 else None

    def first_named(self, daemon: str, client: Peer, skip: int) -> int:
        """The position of the first rule of names after ``skip`` that matches, or that hangs on a name not known yet; or -1."""
        if not self._named or "%" in client.address:
            return -1
        best = -1
        for group in self._groups_of(daemon):
            found = group.first_named(client.name, skip)
            if found >= 0 and (best < 0 or found < best):
                best = found
        return best

    def _groups_of(self, daemon: str) -> tuple[_Group, ...]:
        groups = self._for_daemon.get(daemon)
        if groups is None:
            groups = tuple(
                group for daemons, group in self._groups.items() if any(string_match(word, daemon) for word in daemons)
            )
            if len(self._for_daemon) < 4096:
                self._for_daemon[daemon] = groups
        return groups

    def verdict(self, position: int, rule: Rule) -> Verdict:
        """What a rule without options says: always the same, so it is made once. Making it costs as much as finding it."""
        known = self._verdicts.get(position)
        if known is None:
            admit = rule.table == "allow"
            known = self._verdicts[position] = Verdict(admit, Reason.RULE_ALLOW if admit else Reason.RULE_DENY, rule)
        return known


_Key = TypeVar("_Key")
_Positions: TypeAlias = "tuple[int, ...] | list[int]"
"""In order; a tuple of one is half a list, and nearly all are."""


class _Group:
    """The rules with the same daemon list: for each version and mask, network → positions; and name or ending → positions."""

    __slots__ = ("anybody", "named", "names", "tables")

    def __init__(self) -> None:
        self.tables: dict[tuple[int, int], dict[int, _Positions]] = {}
        self.anybody: list[int] = []
        self.names: dict[str, _Positions] = {}
        self.named: list[int] = []

    def add(self, entry: tuple[int, int, int], position: int) -> None:
        if entry == ANY:
            self.anybody.append(position)
            return
        version, number, mask = entry
        _note(self.tables.setdefault((version, mask), {}), number, position)

    def add_names(self, words: tuple[str, ...], position: int) -> None:
        self.named.append(position)
        for word in words:
            _note(self.names, lower(word), position)

    def first_named(self, name: str, skip: int) -> int:
        if not name:
            index = bisect_right(self.named, skip)
            return self.named[index] if index < len(self.named) else -1
        whole = lower(unmapped(name))
        best = -1
        # The name as it is, and behind it every ending that begins with a dot.
        for start in (0, *(index for index, character in enumerate(whole) if character == "." and index)):
            for position in self.names.get(whole[start:], ()) if start or whole[:1] != "." else ():
                if position > skip:
                    if best < 0 or position < best:
                        best = position
                    break
        return best

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


def _note(table: dict[_Key, _Positions], key: _Key, position: int) -> None:
    before: _Positions | None = table.get(key)
    if before is None:
        table[key] = (position,)
    elif before[-1] == position:
        return
    elif isinstance(before, list):
        before.append(position)
    else:
        table[key] = [*before, position]


def _entries(rule: Rule) -> list[tuple[int, int, int]] | None:
    """(version, network, mask) of each client, none for a rule of names alone, ``None`` for a rule that needs more."""
    for word in rule.daemons:
        if lower(word) == "except" or "@" in word[1:] or word[:1].isdecimal() or word[:1] in ("+", "-"):
            return None
    entries: list[tuple[int, int, int]] = []
    for word in rule.clients:
        entry = address_entry(word)
        if entry is None:
            return [] if not entries and all(is_name(word) for word in rule.clients) else None
        entries.append(entry)
    return entries


def is_name(word: str) -> bool:
    """Whether a pattern is a plain name or `.domain`, which no address without a zone can match, and no word of the language."""
    return _NAME.fullmatch(word) is not None and not is_numeric(word) and lower(word) not in _WORDS


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
            return 6, int(ipaddress.IPv6Address(word[1:-1])), _V6
        except ValueError:
            return None
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
