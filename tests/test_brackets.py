"""A text is divided at a mark outside brackets, as libwrap does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.brackets import split_outside_brackets


@pytest.mark.parametrize(
    ("text", "mark", "start", "parts"),
    [
        ("[::1] : x", ":", 0, ("[::1] ", " x")),
        ("[::1]", ":", 0, None),
        ("10.0.0.0/8", "/", 0, ("10.0.0.0", "8")),
        ("[fe80::/10]/10", "/", 0, ("[fe80::/10]", "10")),
        ("@a@b", "@", 1, ("@a", "b")),
        ("[a@b", "@", 1, ("[a", "b")),  # a bracket before the start does not count
        ("a]@b", "@", 1, None),  # below zero is not outside
        ("plain", ":", 0, None),
    ],
)
def test_the_first_mark_outside_brackets_divides(text: str, mark: str, start: int, parts: tuple[str, str] | None) -> None:
    assert split_outside_brackets(text, mark, start) == parts


@given(st.text("a@:", max_size=8), st.integers(0, 2))
def test_without_brackets_the_quick_way_is_the_careful_one(text: str, start: int) -> None:
    bracketed = split_outside_brackets(f"{text}[]", "@", start)
    assert split_outside_brackets(text, "@", start) == (bracketed and (bracketed[0], bracketed[1][:-2]))
