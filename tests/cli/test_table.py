"""Tables, times and sizes."""

from __future__ import annotations

import pytest

from superd.cli.table import one, size, span, table


def test_columns_are_aligned_and_lines_are_cut() -> None:
    lines = table(["A", "N"], [["long", "5"], ["x", "123"]], frozenset({1}))
    assert lines == ["A       N", "long    5", "x     123"]
    assert table(["A"], [["x" * 50]], most=10) == ["A", "x" * 9 + "…"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (41, "41 s"), (480, "8 min"), (7860, "2 h 11 min"), (36000, "10 h"), (86400 * 12, "12 days")],
)
def test_times_read_like_speech(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (512, "512"), (2048, "2.0K"), (31 << 20, "31M"), (5 << 40, "5.0T")])
def test_sizes_are_short(count: int, text: str) -> None:
    assert size(count) == text


def test_text_of_others_is_safe_and_short() -> None:
    assert one("a\x1b[31m", 20) == "a\\x1b[31m"
    assert one("x" * 30, 10) == "x" * 9 + "…"
