"""access_times next to the plain reading of it: minute by minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.policy.hours import Hours

MINUTES = st.integers(0, 24 * 60 - 1)


def clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


@given(st.lists(st.tuples(MINUTES, MINUTES), min_size=1, max_size=3), st.integers(0, 6), MINUTES)
def test_a_window_is_open_from_its_first_minute_to_its_last_and_past_midnight(
    windows: list[tuple[int, int]], weekday: int, minute: int
) -> None:
    hours = Hours(tuple(f"{clock(first)}-{clock(last)}" for first, last in windows))
    inside = [first <= minute <= last if first <= last else minute >= first or minute <= last for first, last in windows]
    assert hours.open_at(weekday, minute) is any(inside)


def test_days_hold_for_the_windows_after_them_and_a_night_belongs_to_the_day_it_began() -> None:
    hours = Hours(("Mon-Fri 22:00-2:00",))
    assert hours.open_at(0, 23 * 60)
    assert not hours.open_at(0, 60)  # the night of Sunday
    assert hours.open_at(5, 60)  # Saturday morning is Friday's night
    assert not hours.open_at(5, 23 * 60)


def test_days_may_go_round_the_week() -> None:
    hours = Hours(("Sat-Mon 0:00-24:00",))
    assert [hours.open_at(day, 720) for day in range(7)] == [True, False, False, False, False, True, True]


def test_a_day_may_be_written_out() -> None:
    for words in ("Monday-Wednesday 8:00-9:00", "MON-wed 8:00-9:00", "mon,tuesday,Wed 8:00-9:00"):
        assert [Hours((words,)).open_at(day, 500) for day in range(7)] == [True, True, True, False, False, False, False]


def test_without_words_it_is_always_open() -> None:
    assert Hours(()).open_at(3, 0)


@pytest.mark.parametrize("word", ["8:00", "25:00-26:00", "8:60-9:00", "Monday", "Foo 8:00-9:00", "24:01-24:02"])
def test_what_is_not_a_window_is_an_error_that_names_it(word: str) -> None:
    with pytest.raises(ValueError, match="`"):
        Hours((word,))


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_words_give_hours_or_an_error(words: list[str]) -> None:
    try:
        Hours(tuple(words)).open_at(0, 0)
    except ValueError:
        pass
