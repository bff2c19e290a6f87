"""A table that was edited: what stayed the same is kept as it was compiled, and only the lines between are read anew.

Runs in: the front; master's reading child. Believes no time and no size: the bytes themselves are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from superd.config.hosts.scan import scan
from superd.problem import Problem
from superd.rule import Table
from superd.rule_block import Piece, Rules

_STEP = 1 << 16
MOST_PIECES = 16
"""Pieces of a table, each of which costs a look-up in every decision; a table with more is read as a whole."""


def edited(
    old: Rules, problems: Sequence[Problem], old_text: bytes, text: bytes, file: str, table: Table
) -> tuple[Rules, tuple[Problem, ...]] | None:
    """The rules and problems of ``text`` where most of it stands in ``old_text``; None where it does not."""
    head = _line_start(text, _common(old_text, text))
    tail = _common_end(old_text, text, min(len(old_text), len(text)) - head)
    tail = _after_line(text, old_text, len(text) - tail)
    old_tail = len(old_text) - tail
    new_tail = len(text) - tail
    between = text[head:new_tail]
    if len(between) * 4 > len(text) and len(between) > _STEP:
        return None
    lines_before = old_text.count(b"\n", 0, head)
    lines_between_old = old_text.count(b"\n", head, old_tail)
    block, fresh = scan(between, file, table)
    last, by = lines_before + lines_between_old, block.newlines - lines_between_old
    found = [problem for problem in problems if problem.origin.line <= lines_before]
    found += [_moved(problem, lines_before) for problem in fresh]
    found += [_moved(problem, by) for problem in problems if tail and problem.origin.line > last]
    kept_before = _first_lines(old, lines_before)
    # A last line without its end has a number beyond the text's last newline: with no tail there is nothing after.
    kept_after = _after_lines(old, last, by) if tail else []
    pieces = (*kept_before, Piece(block, 0, len(block), lines_before), *kept_after)
    rules = Rules(pieces)
    return None if len(rules.pieces) > MOST_PIECES else (rules, tuple(found))


def _moved(problem: Problem, lines: int) -> Problem:
    origin = problem.origin
    return Problem(type(origin)(origin.file, origin.line + lines), problem.severity, problem.message, problem.hint)


def _common(one: bytes, other: bytes) -> int:
    """How many bytes at the beginning are the same."""
    least, at = min(len(one), len(other)), 0
    while at < least and one[at : at + _STEP] == other[at : at + _STEP]:
        at += _STEP
    at = min(at, least)
    step = _STEP
    while step and at < least:
        step //= 2
        if step and one[at : at + step] == other[at : at + step]:
            at = min(at + step, least)
    return at


def _common_end(one: bytes, other: bytes, most: int) -> int:
    """How many bytes at the end are the same, ``most`` at most."""
    at, a, b = 0, len(one), len(other)
    while at < most and one[max(0, a - at - _STEP) : a - at] == other[max(0, b - at - _STEP) : b - at]:
        at += _STEP
    at = min(at, most)
    step = _STEP
    while step and at < most:
        step //= 2
        if step and at + step <= most and one[a - at - step : a - at] == other[b - at - step : b - at]:
            at += step
    return min(at, most)


def _line_start(text: bytes, at: int) -> int:
    """The nearest place at or before ``at`` where a line begins that is not joined to the one before."""
    while at:
        if text[at - 1 : at] == b"\n" and text[at - 2 : at - 1] != b"\\":
            return at
        at = text.rfind(b"\n", 0, at - 1) + 1
    return 0


def _after_line(text: bytes, old: bytes, at: int) -> int:
    """How many bytes of the end begin with a line, at or after ``at``, that is joined to the one before in neither text."""
    while at < len(text):
        there = at - len(text) + len(old)
        joined = b"\\" in (text[at - 2 : at - 1], old[there - 2 : there - 1])
        if at and there and text[at - 1 : at] == old[there - 1 : there] == b"\n" and not joined:
            return len(text) - at
        at = text.find(b"\n", at) + 1 or len(text)
    return 0


def _first_lines(rules: Rules, lines: int) -> list[Piece]:
    found = []
    for piece in rules.pieces:
        high = min(piece.high, piece.block.position_after(lines - piece.first_line)) if lines > piece.first_line else piece.low
        found.append(Piece(piece.block, piece.low, high, piece.first_line))
    return found


def _after_lines(rules: Rules, lines: int, by: int) -> list[Piece]:
    found = []
    for piece in rules.pieces:
        low = max(piece.low, piece.block.position_after(lines - piece.first_line)) if lines > piece.first_line else piece.low
        found.append(Piece(piece.block, low, piece.high, piece.first_line + by))
    return found
