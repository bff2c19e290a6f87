"""Advice on lists of many thousand plain rules: one finding of a kind with its number, found without making the rules.

Runs in: the operator's commands. Looks no name up: a million questions are not asked for advice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from superd.lint.covered import Seen
from superd.lint.rules import Host, lint
from superd.problem import Origin, Problem, warning

if TYPE_CHECKING:
    from superd.rule_block import Block, Kind, Rules

LONG = 20_000
"""Rules from which on the plain ones of a table are looked at here; as many one by one take a second."""


def lint_long(rules: Rules, host: Host) -> list[Problem]:
    """What is wrong with the plain rules: daemons that no service has, and entries that stand there twice."""
    found: list[Problem] = []
    for piece in rules.pieces:
        block = piece.block
        for number, kind in enumerate(block.kinds):
            first = next((position for position in range(len(block)) if block.kind_of[position] == number), None)
            if first is not None:
                sample = block.rule(first, piece.first_line)
                quiet = Host(host.program, host.daemons, datagrams=host.datagrams, ids=host.ids)
                found += [item for item in lint((sample,), (), quiet, Seen()) if "daemon name" in item.message]
            found += _twice(block, kind, piece.first_line)
    return found


def _twice(block: Block, kind: Kind, first_line: int) -> Iterator[Problem]:
    """One finding for all entries of a kind that an earlier line has as well."""
    pairs = [*_repeated(list(kind.v4)), *_repeated(list(kind.names), block)]
    if not pairs:
        return
    pairs.sort(key=lambda pair: pair[1])
    (earlier, later), last = pairs[0], pairs[-1][1]

    def place(position: int) -> Origin:
        return Origin(block.file, first_line + block.lines[position])

    more = f" (and {len(pairs) - 1} more like it, the last in line {place(last).line})" if len(pairs) > 1 else ""
    yield warning(place(later), f"can never match: {place(earlier)} covers it{more}", "remove it")


def _repeated(entries: list[int], block: Block | None = None) -> Iterator[tuple[int, int]]:
    """(earlier, later) positions of equal entries; names with equal numbers are compared."""
    first = 0
    for index in range(1, len(entries)):
        if entries[index] >> 32 != entries[first] >> 32:
            first = index
            continue
        earlier, later = entries[first] & 0xFFFFFFFF, entries[index] & 0xFFFFFFFF
        if block is None or block.client(earlier).lower() == block.client(later).lower():
            yield earlier, later
