"""Findings of one kind: each is shown while they are few, and counted when they are many."""

from __future__ import annotations

from superd.cli.folded import MOST_ALIKE, folded
from superd.problem import Origin, error, warning


def test_few_are_shown_one_by_one() -> None:
    few = [warning(Origin("hosts.deny", line), f"`10.0.{line}` is wrong") for line in range(1, MOST_ALIKE + 1)]
    assert folded(few) == few


def test_many_are_one_line_with_their_number_and_others_stay() -> None:
    many = [warning(Origin("hosts.deny", line), f"`10.0.{line}` is wrong", "write") for line in range(1, 8001)]
    other = error(Origin("hosts.deny", 9000), "another fault")
    assert folded([*many, other]) == [
        warning(Origin("hosts.deny", 1), "`10.0.1` is wrong (and 7999 more like it, the last in line 8000)", "write"),
        other,
    ]


def test_the_same_in_two_files_is_two_kinds() -> None:
    many = [warning(Origin(file, line), "wrong") for file in ("a", "b") for line in range(20)]
    assert [problem.origin.file for problem in folded(many)] == ["a", "b"]
