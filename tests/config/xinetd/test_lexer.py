"""Blocks and resynchronising."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.lexer import split_entries


def test_a_missing_brace_is_noticed_at_the_next_keyword() -> None:
    entries, problems = split_entries(b"service a\n{\nwait = no\nservice b\n{\n}\n", "f")
    assert [(entry.argument, entry.broken) for entry in entries] == [("a", True), ("b", False)]
    assert problems[0].origin.line == 1


@given(st.binary(max_size=400))
def test_any_bytes_split_and_a_whole_entry_behind_them_is_found(data: bytes) -> None:
    entries, _ = split_entries(data + b"\nservice last\n{\n}\n", "f")
    assert entries[-1].argument == "last"
    assert not entries[-1].broken
