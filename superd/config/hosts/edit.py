"""A table that was edited: what stayed the same is kept as it was compiled, and only the lines between are read anew.

Runs in: the front; master's reading child. Believes no time and no size: the bytes themselves are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from superd.config.hosts.scan import scan
from superd.frozen import frozen
from superd.problem import Problem
from superd.rule import Table
from superd.rule_block import Piece, Rules

_STEP = 1 << 16
_ANCHOR = 256
"""Bytes by which a place of the old text is found again in the new one: some ten lines."""
_DEPTH = 5
MOST_PIECES = 16
"""Pieces of a table, each of which costs a look-up in every decision; a table with more is read as a whole."""


@frozen
class _Change:
    """Where the old text and the new one differ: byte ranges in each."""

    old: int
    old_end: int
    new: int
    new_end: int


def edited(
    old: Rules, problems: Sequence[Problem], old_text: bytes, text: bytes, file: str, table: Table
) -> tuple[Rules, tuple[Problem, ...]] | None:
    """The rules and problems of ``text`` where most of it stands in ``old_text``; None where it does not."""
    changes = _whole_lines(list(_changes(old_text, 0, len(old_text), text, 0, len(text), _DEPTH)), old_text, text)
    read = sum(change.new_end - change.new for change in changes)
    if 2 * len(changes) + len(old.pieces) > MOST_PIECES or (read * 4 > len(text) and read > _STEP):
        return None
    pieces: list[Piece] = []
    found: list[Problem] = []
    old_line = new_line = old_at = 0
    for change in changes:
        kept = old_text.count(b"\n", old_at, change.old)
        pieces += _kept(old, old_line, old_line + kept, new_line - old_line)
        found += _moved(problems, old_line, old_line + kept, new_line - old_line)
        new_line += kept
        block, fresh = scan(text[change.new : change.new_end], file, table)
        pieces.append(Piece(block, 0, len(block), new_line))
        found += _moved(fresh, 0, None, new_line)
        old_line += kept + old_text.count(b"\n", change.old, change.old_end)
        new_line += block.newlines
        old_at = change.old_end
    if old_at < len(old_text):
        # A last line without its end has a number beyond the text's last newline.
        pieces += _kept(old, old_line, None, new_line - old_line)
        found += _moved(problems, old_line, None, new_line - old_line)
    return Rules(pieces), tuple(found)


def _kept(rules: Rules, after: int, until: int | None, by: int) -> Iterator[Piece]:
    """The pieces with the rules of the lines after ``after``, until ``until``; ``by`` is how far they moved."""
    for piece in rules.pieces:
        low, high, block = piece.low, piece.high, piece.block
        if after > piece.first_line:
            low = max(low, block.position_after(after - piece.first_line))
        if until is not None:
            high = min(high, block.position_after(until - piece.first_line)) if until > piece.first_line else low
        if low < high:
            yield Piece(block, low, high, piece.first_line + by)


def _moved(problems: Sequence[Problem], after: int, until: int | None, by: int) -> Iterator[Problem]:
    for problem in problems:
        line = problem.origin.line
        if line > after and (until is None or line <= until):
            yield replace(problem, origin=replace(problem.origin, line=line + by))


def _changes(old: bytes, a: int, a_end: int, new: bytes, b: int, b_end: int, depth: int) -> Iterator[_Change]:
    """Ranges outside of which the two ranges of the texts are the same, in their order."""
    same = _common(old, a, a_end, new, b, b_end)
    a, b = a + same, b + same
    same = _common_end(old, a, a_end, new, b, b_end)
    a_end, b_end = a_end - same, b_end - same
    if a == a_end and b == b_end:
        return
    if depth and min(a_end - a, b_end - b) > _STEP // 4:
        for part in (2, 1, 3):
            there = old.find(b"\n", a + (a_end - a) * part // 4, a_end) + 1
            here = new.find(old[there : there + _ANCHOR], b, b_end) if 0 < there <= a_end - _ANCHOR else -1
            if here >= 0:
                yield from _changes(old, a, there, new, b, here, depth - 1)
                yield from _changes(old, there, a_end, new, here, b_end, depth - 1)
                return
    yield _Change(a, a_end, b, b_end)


def _whole_lines(changes: list[_Change], old: bytes, new: bytes) -> list[_Change]:
    """The changes made as long as whole lines, which are joined to no line outside of them; those that meet are one."""
    found: list[_Change] = []
    for index, change in enumerate(changes):
        before = found[-1].new_end if found else 0
        start = _line_start(old, new, change, before)
        after = changes[index + 1].new if index + 1 < len(changes) else len(new)
        end = _line_end(old, new, change, after)
        grown = _Change(change.old - (change.new - start), change.old_end + (end - change.new_end), start, end)
        if found and start <= before:
            last = found.pop()
            grown = _Change(last.old, grown.old_end, last.new, grown.new_end)
        found.append(grown)
    return found


def _line_start(old: bytes, new: bytes, change: _Change, least: int) -> int:
    """The nearest line at or before the change, not before ``least``; what lies between is the same in both texts."""
    at = change.new
    while at > least:
        if _begins_line(old, change.old - (change.new - at), new, at):
            return at
        at = max(least, new.rfind(b"\n", least, at - 1) + 1)
    return least


def _line_end(old: bytes, new: bytes, change: _Change, most: int) -> int:
    at = change.new_end
    while at < most:
        if _begins_line(old, change.old_end + (at - change.new_end), new, at):
            return at
        at = new.find(b"\n", at, most) + 1 or most
    return most


def _begins_line(old: bytes, there: int, new: bytes, here: int) -> bool:
    """Whether a line begins here in both texts, and is joined to the one before in neither."""
    for text, at in ((old, there), (new, here)):
        if at and (text[at - 1 : at] != b"\n" or text[max(0, at - 2) : at - 1] == b"\\"):
            return False
    return True


def _common(old: bytes, a: int, a_end: int, new: bytes, b: int, b_end: int) -> int:
    """How many bytes at the beginning of the ranges are the same."""
    return _longest(min(a_end - a, b_end - b), lambda at, to: old[a + at : a + to] == new[b + at : b + to])


def _common_end(old: bytes, a: int, a_end: int, new: bytes, b: int, b_end: int) -> int:
    """How many bytes at the end of the ranges are the same."""
    return _longest(min(a_end - a, b_end - b), lambda at, to: old[a_end - to : a_end - at] == new[b_end - to : b_end - at])


def _longest(most: int, same: Callable[[int, int], bool]) -> int:
    """The largest number up to ``most`` below which all is the same; ``same`` compares a range."""
    at, step = 0, _STEP
    while step and at < most:
        size = min(step, most - at)
        if same(at, at + size):
            at += size
        else:
            step //= 2
    return at
