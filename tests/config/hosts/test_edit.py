"""An edited table: whatever changed, the rules are those of the new text, with their lines."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts import edit
from superd.config.hosts.edit import edited
from superd.config.hosts.scan import read_rules
from tests.config.hosts.test_scan import LINES

EDITS = st.tuples(st.integers(0, 12), st.integers(0, 3), st.lists(LINES, max_size=3))
"""Where, how many lines go, and what comes instead."""


@pytest.mark.parametrize(("step", "anchor"), [(1 << 16, 256), (16, 4)])
@given(lines=st.lists(LINES, max_size=10), edits=st.lists(EDITS, max_size=4))
def test_edits_one_after_another_give_the_rules_of_the_text(
    step: int, anchor: int, lines: list[str], edits: list[tuple[int, int, list[str]]]
) -> None:
    """With small steps too, so that texts of a few lines are taken apart as long ones are."""
    text = "".join(f"{line}\n" for line in lines).encode()
    rules, problems = read_rules(text, "hosts", "allow")
    for at, removed, added in edits:
        lines[at : at + removed] = added
        new = "".join(f"{line}\n" for line in lines).encode()
        with patch.object(edit, "_STEP", step), patch.object(edit, "_ANCHOR", anchor):
            found = edited(rules, problems, text, new, "hosts", "allow")
        (rules, problems), text = found or read_rules(new, "hosts", "allow"), new
        whole, said = read_rules(new, "hosts", "allow")
        assert tuple(rules) == tuple(whole)
        assert set(problems) == set(said)


def test_only_what_was_appended_is_read() -> None:
    text = b"".join(b"ALL: 192.0.2.%d\n" % (number % 256) for number in range(10_000))
    rules = read_rules(text, "hosts", "deny")[0]
    found = edited(rules, (), text, text + b"ALL: 198.51.100.1\nno colon\n", "hosts", "deny")
    assert found is not None
    assert [len(piece.block) for piece in found[0].pieces] == [10_000, 1]
    assert found[0].pieces[0].block is rules.pieces[0].block
    assert [(problem.origin.line, problem.severity.value) for problem in found[1]] == [(10_002, "error")]


def test_a_table_that_is_another_one_is_read_as_a_whole() -> None:
    text = b"".join(b"ALL: 192.0.2.%d\n" % (number % 256) for number in range(10_000))
    other = b"".join(b"ALL: 198.51.100.%d\n" % (number % 256) for number in range(10_000))
    assert edited(read_rules(text, "hosts", "deny")[0], (), text, other, "hosts", "deny") is None


def test_edits_in_several_places_are_read_alone() -> None:
    lines = [b"ALL: 10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255) for number in range(50_000)]
    text = b"\n".join(lines) + b"\n"
    rules = read_rules(text, "hosts", "deny")[0]
    del lines[30_000]
    lines[10_000:10_000] = [b"sshd: 192.0.2.1", b"sshd: 192.0.2.2"]
    lines.append(b"ALL: 198.51.100.1")
    new = b"\n".join(lines) + b"\n"
    found = edited(rules, (), text, new, "hosts", "deny")
    assert found is not None
    assert sum(len(piece.block.text) for piece in found[0].pieces if piece.block is not rules.pieces[0].block) < 1000
    assert found[0] == read_rules(new, "hosts", "deny")[0]
