"""Repeats: every event is written or counted, each once; a count is due even if nothing follows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.log.repeats import WINDOW, Repeats, Told


def test_the_first_of_a_window_is_written_and_the_others_counted_when_it_ends() -> None:
    repeats: Repeats[str] = Repeats()
    assert repeats.admit("a", "first", 0.0)
    assert not repeats.admit("a", "second", 1.0)
    assert not repeats.admit("a", "third", 2.0)
    assert repeats.due == WINDOW
    assert not repeats.take_due(WINDOW - 0.1)
    assert repeats.take_due(WINDOW) == [Told("third", 2, WINDOW)]
    assert repeats.due is None
    assert repeats.admit("a", "again", WINDOW)


def test_a_burst_is_written_whole() -> None:
    repeats: Repeats[int] = Repeats()
    assert [repeats.admit("a", number, 0.0, burst=3) for number in range(5)] == [True, True, True, False, False]
    assert repeats.take_due(WINDOW) == [Told(4, 2, WINDOW)]


def test_nothing_is_due_without_a_repeat() -> None:
    repeats: Repeats[str] = Repeats()
    repeats.admit("a", "x", 0.0)
    repeats.admit("b", "x", 0.0)
    assert repeats.due is None
    assert not repeats.folding


def test_a_key_that_makes_room_for_another_has_its_count_reported() -> None:
    repeats: Repeats[str] = Repeats(most=1)
    repeats.admit("a", "one", 0.0)
    repeats.admit("a", "two", 0.0)
    repeats.admit("b", "three", 1.0)
    assert repeats.due == 0.0
    assert repeats.take_due(1.0) == [Told("two", 1, 1.0)]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 3)), max_size=60), st.integers(1, 3), st.integers(1, 4))
def test_every_event_is_written_or_counted_once(events: list[tuple[str, float]], most: int, burst: int) -> None:
    repeats: Repeats[str] = Repeats(most=most)
    now, written, counted = 0.0, 0, 0
    for key, pause in events:
        now += pause
        counted += sum(told.folded for told in repeats.take_due(now))
        written += repeats.admit(key, key, now, burst=burst)
        assert repeats.due is None or repeats.folding or repeats.due == 0.0
    counted += sum(told.folded for told in repeats.take_all(now))
    assert written + counted == len(events)
    assert repeats.due is None
