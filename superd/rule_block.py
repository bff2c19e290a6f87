"""Rules of one piece of hosts.allow or hosts.deny, packed: what long lists are full of takes 20 bytes besides its text.

Runs in: every process that reads the tables. A block is made once (``config/hosts/scan.py``) and never changes. It decides
nothing: ``policy/rule_index.py`` looks things up in it.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import eq
from typing import overload

from superd.frozen import frozen
from superd.problem import Origin
from superd.rule import Option, Rule, Table

COMPLEX = 0xFFFFFFFF
"""In place of an offset: the rule is kept as a ``Rule``."""
_TOKEN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def name_key(name: bytes) -> int:
    """The number a name is looked up by: equal names have equal numbers, and a hit is compared once more."""
    return zlib.crc32(name)


class Kind:
    """Daemon list and verdict word that many plain rules have in common."""

    __slots__ = ("daemons", "named", "names", "v4", "word")

    def __init__(self, daemons: tuple[str, ...], word: str) -> None:
        self.daemons = daemons
        self.word = word
        self.v4: array[int] = array("Q")
        """Address << 32 | position, sorted."""
        self.names: array[int] = array("Q")
        """Number of the name << 32 | position, sorted."""
        self.named: array[int] = array("I")
        """Positions of the rules of names, sorted."""


class Block:
    """Rules by their position, from 0. ``text`` is the piece of the file that they stand in."""

    __slots__ = ("complex", "file", "index", "kind_of", "kinds", "lines", "newlines", "starts", "table", "text")

    def __init__(self, text: bytes, file: str, table: Table) -> None:
        self.text = text
        self.file = file
        self.table: Table = table
        self.newlines = text.count(b"\n")
        self.lines: array[int] = array("I")
        """The last physical line of each rule, from 1."""
        self.starts: array[int] = array("I")
        """Where the client of a plain rule stands in the text, or ``COMPLEX``."""
        self.kind_of: array[int] = array("H")
        self.kinds: list[Kind] = []
        self.complex: dict[int, Rule] = {}
        self.index: object = None
        """What ``policy`` made of the block, kept with it."""

    def __len__(self) -> int:
        return len(self.lines)

    def rule(self, position: int, first_line: int = 0) -> Rule:
        """The rule, in a file where ``first_line`` lines stand before this piece."""
        origin = Origin(self.file, first_line + self.lines[position])
        known = self.complex.get(position)
        if known is not None:
            if not first_line:
                return known
            options = tuple(replace(option, origin=origin) for option in known.options)
            return replace(known, origin=origin, options=options)
        kind = self.kinds[self.kind_of[position]]
        options = (Option(kind.word, "", origin),) if kind.word else ()
        return Rule(self.table, kind.daemons, (self.client(position).decode(),), options, origin)

    def client(self, position: int) -> bytes:
        """The client of a plain rule."""
        text, start = self.text, self.starts[position]
        end = start
        while end < len(text) and text[end] in _TOKEN:
            end += 1
        return text[start:end]

    def rules(self, low: int, high: int, first_line: int) -> Iterator[Rule]:
        """The rules of these positions."""
        for position in range(low, high):
            yield self.rule(position, first_line)

    def position_after(self, line: int) -> int:
        """The position of the first rule that ends after ``line``."""
        return bisect_left(self.lines, line + 1)


def block_of(rules: Sequence[Rule], table: Table) -> Block:
    """Rules that are made already, as a block."""
    block = Block(b"", rules[0].origin.file if rules else "", table)
    for position, rule in enumerate(rules):
        block.complex[position] = rule
        block.lines.append(max(0, rule.origin.line))
        block.starts.append(COMPLEX)
        block.kind_of.append(0)
    return block


@frozen
class Piece:
    """Rules of a block from position ``low`` to ``high``, with ``first_line`` lines of the file before the block's own."""

    block: Block
    low: int
    high: int
    first_line: int = 0


class Rules(Sequence[Rule]):
    """The rules of a table in the order of its file, made when they are asked for."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece.high > piece.low)

    def __len__(self) -> int:
        return sum(piece.high - piece.low for piece in self.pieces)

    def __iter__(self) -> Iterator[Rule]:
        for piece in self.pieces:
            yield from piece.block.rules(piece.low, piece.high, piece.first_line)

    @overload
    def __getitem__(self, index: int) -> Rule: ...
    @overload
    def __getitem__(self, index: slice) -> list[Rule]: ...
    def __getitem__(self, index: int | slice) -> Rule | list[Rule]:
        if isinstance(index, slice):
            return list(self)[index]
        number = index + len(self) if index < 0 else index
        for piece in self.pieces:
            if 0 <= number < piece.high - piece.low:
                return piece.block.rule(piece.low + number, piece.first_line)
            number -= piece.high - piece.low
        raise IndexError(index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def not_plain(self) -> Iterator[Rule]:
        """The rules that are more than one daemon, one client, and the word allow or deny."""
        for piece in self.pieces:
            for position in piece.block.complex:
                if piece.low <= position < piece.high:
                    yield piece.block.rule(position, piece.first_line)


def rules_of(rules: Sequence[Rule], table: Table) -> Rules:
    """The same rules as ``Rules``."""
    if isinstance(rules, Rules):
        return rules
    return Rules((Piece(block_of(rules, table), 0, len(rules)),))


def not_plain(rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules that may have an option other than allow and deny, or a pattern other than a name and an address."""
    return rules.not_plain() if isinstance(rules, Rules) else iter(rules)
