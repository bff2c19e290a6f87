"""Durations and sizes: each text that is read is what it says, and any other is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.quantities import bytes_of, parse_duration, parse_size, quantity_meant


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == days * 86400 + hours * 3600 + minutes * 60 + seconds


@given(st.integers(0, 10**6), st.sampled_from([("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)]))
def test_a_size_is_its_number_of_units_in_either_case(number: int, unit: tuple[str, int]) -> None:
    for text in (f"{number}{unit[0]}", f"{number}{unit[0].lower()}"):
        assert parse_size(text) == number * unit[1]
    assert parse_size("UNLIMITED") == -1


@given(st.text(max_size=8))
def test_any_other_text_is_an_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            number = parse(text)
        except ValueError:
            continue
        assert isinstance(number, (int, float))


@pytest.mark.parametrize(
    ("text", "units", "size"),
    [("4096", "KMG", 4096), ("2k", "KMG", 2048), ("1G", "KMG", 1 << 30), ("1G", "KM", None), ("", "KMG", None),
     ("-1", "KMG", None), ("1KB", "KMG", None), ("\u0661", "KMG", None)],
)  # fmt: skip
def test_there_is_one_grammar_of_sizes(text: str, units: str, size: int | None) -> None:
    assert bytes_of(text, units) == size


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("60 s", "60s"), ("1 minute", "1m"), ("5 mins", "5m"), ("2hours", "2h"), ("64MB", "64M"), ("1 GiB", "1G"), ("5 k", "5K"),
        ("10 bytes", "10"), ("ten", ""), ("5 parsecs", ""), ("", ""), (5, ""),
    ],
)  # fmt: skip
def test_what_others_write_is_a_quantity_in_superds_words(value: object, meant: str) -> None:
    assert quantity_meant(value) == meant
