"""An index of the rules that look at nothing but an address, or but a name. First match stays exact; a decision microseconds.

What denyhosts, fail2ban and country lists write is 100,000 lines of ``ALL: 192.0.2.7`` or ``ALL: .example``. These are packed
in blocks (``superd/rule_block.py``), and looked up there by halves. Other rules of addresses alone, or names alone, have a
table per mask and one of names for each daemon list; only rules that need more (users, EXCEPT, files, wildcards) are walked.

Runs in: front, cli. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from superd.policy.address_pattern import ANY, address_entry, is_name, lower
from superd.policy.patterns import string_match, unmapped
from superd.rule_block import Block, Kind, Rules, name_key
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.rule import Rule


class BlockIndex:
    """The rules of one block by position. Made once for a block, and kept while parts of it are in force."""

    __slots__ = ("_for_daemon", "_groups", "block", "has_names", "named", "others")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.others: list[int] = []
        """Positions of the rules that must be tried one by one, in order."""
        self.named: list[int] = []
        """Positions of the rules of names that are not packed."""
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._for_daemon: dict[str, tuple[_Group, ...]] = {}
        for kind in block.kinds:
            self._group(kind.daemons).kinds.append(kind)
        for position, rule in block.complex.items():
            entries = _entries(rule)
            if entries is None:
                self.others.append(position)
                continue
            group = self._group(rule.daemons)
            for entry in entries:
                group.add(entry, position)
            if not entries and rule.clients:
                group.add_names(rule.clients, position)
                self.named.append(position)
        self.has_names = bool(self.named) or any(kind.named for kind in block.kinds)

    def _group(self, daemons: tuple[str, ...]) -> _Group:
        return self._groups.setdefault(daemons, _Group())

    def groups_of(self, daemon: str) -> tuple[_Group, ...]:
        """The groups whose daemon list matches."""
        groups = self._for_daemon.get(daemon)
        if groups is None:
            groups = tuple(
                group for daemons, group in self._groups.items() if any(string_match(word, daemon) for word in daemons)
            )
            if len(self._for_daemon) < 4096:
                self._for_daemon[daemon] = groups
        return groups

    def first(self, daemon: str, client: Peer, after: int) -> int | None:
        """The position of the first rule of addresses after ``after`` that matches."""
        found: int | None = None
        for group in self._for_daemon.get(daemon) or self.groups_of(daemon):
            position = group.first(client, after)
            if position is not None and (found is None or position < found):
                found = position
        return found

    def first_named(self, daemon: str, name: str, after: int) -> int | None:
        """The position of the first rule of names after ``after`` that matches; for an unknown name the first there is."""
        if not self.has_names:
            return None
        found: int | None = None
        for group in self._for_daemon.get(daemon) or self.groups_of(daemon):
            position = group.first_named(self.block, name, after)
            if position is not None and (found is None or position < found):
                found = position
        return found


def index_of(rules: Rules) -> Index:
    """The index of a table. Of a block that was in force before nothing is made anew."""
    views = []
    for piece in rules.pieces:
        made = piece.block.index
        if not isinstance(made, BlockIndex):
            made = piece.block.index = BlockIndex(piece.block)
        views.append(BlockView(made, piece.low, piece.high, piece.first_line))
    return Index(views)


class BlockView:
    """A part of a block: the rules from ``low`` to ``high``, with ``first_line`` lines of the file before the block's own."""

    __slots__ = ("first_line", "high", "index", "low")

    def __init__(self, index: BlockIndex, low: int, high: int, first_line: int) -> None:
        self.index = index
        self.low = low
        self.high = high
        self.first_line = first_line

    def rule(self, position: int) -> Rule:
        """The rule at a position of the block."""
        return self.index.block.rule(position, self.first_line)


Place = tuple[int, int]
"""(number of the view, position in its block): in the order of the file."""
BEGINNING: Place = (-1, -1)


class Index:
    """The rules of one table, in the order of its file: views of blocks, one after another."""

    __slots__ = ("_verdicts", "has_names", "has_others", "views")

    def __init__(self, views: Sequence[BlockView]) -> None:
        self.views = tuple(view for view in views if view.high > view.low)
        self.has_names = any(view.index.has_names for view in self.views)
        """Whether ``first_named`` can find a rule; most tables are addresses alone."""
        self.has_others = any(view.index.others for view in self.views)
        """Whether ``walked`` can."""
        self._verdicts: dict[Place, Verdict] = {}

    def __bool__(self) -> bool:
        return bool(self.views)

    def __len__(self) -> int:
        return sum(view.high - view.low for view in self.views)

    def __iter__(self) -> Iterator[Rule]:
        for view in self.views:
            yield from view.index.block.rules(view.low, view.high, view.first_line)

    def rule(self, place: Place) -> Rule:
        """The rule at a place."""
        return self.views[place[0]].rule(place[1])

    def walked(self, after: Place, until: Place | None) -> Iterator[tuple[Place, Rule]]:
        """The rules that must be tried one by one, in order, between two places."""
        for number, view in enumerate(self.views):
            if until is not None and number > until[0]:
                return
            others = view.index.others
            for item in range(bisect_left(others, view.low), len(others)):
                position = others[item]
                place = number, position
                if position >= view.high or (until is not None and place >= until):
                    break
                if place > after:
                    yield place, view.rule(position)

    def first(self, daemon: str, client: Peer, after: Place) -> Place | None:
        """The place of the first rule of addresses after ``after`` that matches daemon and address."""
        for number, view in enumerate(self.views):
            if number >= after[0]:
                start = max(view.low - 1, after[1]) if number == after[0] else view.low - 1
                position = view.index.first(daemon, client, start)
                if position is not None and position < view.high:
                    return number, position
        return None

    def first_named(self, daemon: str, name: str, after: Place) -> Place | None:
        """The place of the first rule of names after ``after`` that matches ``name``; of any such rule for an unknown name."""
        for number, view in enumerate(self.views):
            if number >= after[0]:
                start = max(view.low - 1, after[1]) if number == after[0] else view.low - 1
                position = view.index.first_named(daemon, name, start)
                if position is not None and position < view.high:
                    return number, position
        return None

    def first_of_daemon(self, daemon: str) -> Rule | None:
        """The first packed rule whose daemon matches, whatever its client is."""
        for view in self.views:
            position = _least(group.first_packed(view.low - 1) for group in view.index.groups_of(daemon))
            if position is not None and position < view.high:
                return view.rule(position)
        return None

    def not_packed(self) -> Iterator[Rule]:
        """The rules that no block has packed, in order."""
        for view in self.views:
            for position in view.index.block.complex:
                if view.low <= position < view.high:
                    yield view.rule(position)

    def verdict(self, place: Place, rule: Rule) -> Verdict:
        """What a rule without options says: always the same, so it is made once. Making it costs as much as finding it."""
        known = self._verdicts.get(place)
        if known is None:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            admit = rule.table == "allow"
            known = self._verdicts[place] = Verdict(admit, Reason.RULE_ALLOW if admit else Reason.RULE_DENY, rule)
        return known

    def known_verdict(self, place: Place) -> Verdict | None:
        """The verdict of a rule without options that has decided before."""
        return self._verdicts.get(place)


_MOST_VERDICTS = 4096
_Key = TypeVar("_Key")
_Positions: TypeAlias = "tuple[int, ...] | list[int]"
"""In order; a tuple of one is half a list, and nearly all are."""


class _Group:
    """The rules with the same daemon list: the packed ones by kind; for the others network → positions, name → positions."""

    __slots__ = ("anybody", "kinds", "named", "names", "tables")

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.tables: dict[tuple[int, int], dict[int, _Positions]] = {}
        self.anybody: list[int] = []
        self.names: dict[str, _Positions] = {}
        self.named: list[int] = []

    def add(self, entry: tuple[int, int, int], position: int) -> None:
        """Adds a rule's pattern for addresses."""
        if entry == ANY:
            self.anybody.append(position)
            return
        version, number, mask = entry
        _note(self.tables.setdefault((version, mask), {}), number, position)

    def add_names(self, words: tuple[str, ...], position: int) -> None:
        """Adds a rule's names."""
        self.named.append(position)
        for word in words:
            _note(self.names, lower(word), position)

    def first(self, client: Peer, after: int) -> int | None:
        """The first rule after a position that the client's address matches."""
        found = _next(self.anybody, after) if self.anybody else None
        version, number = client.version, client.number
        if version == 4:
            key = number << 32 | after + 1
            for kind in self.kinds:
                v4 = kind.v4
                at = bisect_left(v4, key)
                if at < len(v4) and v4[at] >> 32 == number:
                    position = v4[at] & 0xFFFFFFFF
                    found = position if found is None or position < found else found
        for (kind_of, mask), table in self.tables.items():
            if kind_of == version:
                position_or_none = _next(table.get(client.number & mask, ()), after)
                if position_or_none is not None and (found is None or position_or_none < found):
                    found = position_or_none
        return found

    def first_named(self, block: Block, name: str, after: int) -> int | None:
        """The first rule after a position that the name matches; the first of any name for an unknown one."""
        if not name:
            return _least((_next(self.named, after), *(_next(kind.named, after) for kind in self.kinds)))
        whole = lower(unmapped(name))
        found: int | None = None
        # The name as it is, and after it every ending that begins with a dot.
        start = whole.find(".", 1) if whole[0] == "." else 0
        while start >= 0:
            ending = whole[start:]
            if self.names:
                found = _less(found, _next(self.names.get(ending, ()), after))
            packed = ending.encode("utf-8", "surrogateescape")
            number = name_key(packed)
            for kind in self.kinds:
                names = kind.names
                at = bisect_left(names, number << 32 | after + 1)
                if at < len(names) and names[at] >> 32 == number:
                    found = _less(found, _packed(block, names, at, packed))
            start = whole.find(".", start + 1)
        return found

    def first_packed(self, after: int) -> int | None:
        """The first packed rule after a position. Looks at each: asked of a table once, not for every client."""
        v4 = (entry & 0xFFFFFFFF for kind in self.kinds for entry in kind.v4)
        return _less(
            min((position for position in v4 if position > after), default=None),
            _least([_next(kind.named, after) for kind in self.kinds]),
        )


def _packed(block: Block, names: array[int], at: int, name: bytes) -> int | None:
    """The first rule from an entry on that is for this very name; another name can have the same number."""
    number = names[at] >> 32
    while at < len(names) and names[at] >> 32 == number:
        position = names[at] & 0xFFFFFFFF
        if block.client(position).lower() == name:
            return position
        at += 1
    return None


def _next(positions: Sequence[int], after: int) -> int | None:
    """The first of sorted positions after ``after``."""
    if not positions:
        return None
    index = bisect_right(positions, after)
    return positions[index] if index < len(positions) else None


def _less(one: int | None, other: int | None) -> int | None:
    return other if one is None or (other is not None and other < one) else one


def _least(positions: Iterator[int | None] | Sequence[int | None]) -> int | None:
    found: int | None = None
    for position in positions:
        if position is not None and (found is None or position < found):
            found = position
    return found


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
