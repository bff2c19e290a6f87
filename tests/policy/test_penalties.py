"""Penalties add up, go by, have a cap, and a full table keeps the guiltiest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.policy import penalties
from superd.policy.penalties import Cause, Penalties, PenaltyNews
from superd.source_limits import PenaltyKeys

A, B = (4, 1), (4, 2)
COST = {Cause.REFUSED: 10.0, Cause.NO_BYTES: 5.0, Cause.EXIT_NONZERO: 1.0, Cause.SIGNAL: 0.0}


def test_each_cause_costs_its_seconds_and_they_add_up() -> None:
    table = Penalties(COST, least=0.0, most=60.0)
    assert table.add(A, Cause.REFUSED, 100.0) == 10.0
    assert table.add(A, Cause.NO_BYTES, 103.0) == 12.0
    assert table.left(A, 110.0) == 5.0
    assert table.left(B, 110.0) == 0.0
    assert table.left(A, 115.0) == 0.0
    assert len(table) == 0


def test_a_cause_without_seconds_is_off() -> None:
    table = Penalties(COST, least=0.0, most=60.0)
    assert table.add(A, Cause.SIGNAL, 0.0) == 0.0
    assert table.add(A, Cause.START_TIMEOUT, 0.0) == 0.0
    assert len(table) == 0


def test_the_most_is_a_cap_on_what_is_left() -> None:
    table = Penalties(COST, least=0.0, most=25.0)
    for _ in range(10):
        table.add(A, Cause.REFUSED, 0.0)
    assert table.left(A, 0.0) == 25.0


def test_the_first_offences_are_free_until_the_least_is_reached() -> None:
    table = Penalties(COST, least=15.0, most=60.0)
    assert table.add(A, Cause.REFUSED, 0.0) == 0.0
    assert not table.refuses(A, 1.0)
    assert table.add(A, Cause.NO_BYTES, 2.0) == 13.0
    assert table.refuses(A, 3.0)
    assert [(source, item.refused) for source, item in table.living(3.0)] == [(A, 1)]


def test_what_went_by_counts_for_nothing_at_the_next_offence() -> None:
    table = Penalties(COST, least=15.0, most=60.0)
    table.add(A, Cause.REFUSED, 0.0)
    assert table.add(A, Cause.NO_BYTES, 20.0) == 0.0


def test_a_source_is_forgiven() -> None:
    table = Penalties(COST, least=0.0, most=60.0)
    table.add(A, Cause.REFUSED, 0.0)
    assert [source for source, _ in table.forgive((A, B), 0.0)] == [A]
    assert not table.forgive(table.sources(), 0.0)
    assert not table.refuses(A, 0.0)


def test_a_full_table_drops_the_least_guilty_of_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penalties, "MAX_SOURCES", 4)
    table = Penalties(COST, least=0.0, most=600.0)
    for number in range(4):
        for _ in range(1 if number == 2 else 2):
            table.add((4, number), Cause.REFUSED, float(number))
    table.add((4, 9), Cause.REFUSED, 5.0)
    assert {source[1] for source, _ in table.living(5.0)} == {0, 1, 3, 9}


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from(list(Cause)), st.floats(0, 100)), max_size=30),
    st.floats(0, 20),
    st.floats(1, 200),
)
def test_more_offences_never_shorten_a_penalty_and_the_clock_only_lowers_it(
    offences: list[tuple[tuple[int, int], Cause, float]], least: float, most: float
) -> None:
    table, now = Penalties(COST, least, most), 0.0
    for source, cause, seconds in offences:
        now += seconds
        before = table.left(source, now)
        after = table.add(source, cause, now)
        assert before <= after + 1e-6
        assert after <= most + 1e-6
        assert table.left(source, now + 1) <= after
        assert len(table) <= 2


def test_a_reload_keeps_what_was_remembered_and_counts_by_the_new_seconds() -> None:
    old, new = Penalties(COST, 0.0, 60.0), Penalties({Cause.REFUSED: 1.0}, 0.0, 30.0)
    old.add(A, Cause.REFUSED, 100.0)
    new.adopt(old)
    assert new.left(A, 100.0) == 10.0
    assert new.add(A, Cause.REFUSED, 100.0) == 11.0
    assert new.add(A, Cause.NO_BYTES, 100.0) == 11.0


def test_a_penalty_is_reported_once_when_it_begins_and_once_when_it_has_gone_by() -> None:
    table = Penalties(COST, 0.0, 60.0)
    for _ in range(3):
        table.add(A, Cause.REFUSED, 0.0)
    assert table.refuses(A, 1.0)
    assert table.take_news() == [PenaltyNews(A, 10.0, "refused 1")]
    assert table.take_news() == []
    assert table.why(A) == "refused 3"
    table.tidy(20.0)
    assert table.take_news() == []
    table.tidy(31.0)
    assert table.take_news() == [PenaltyNews(A, refused=1)]
    assert len(table) == 0


def test_a_source_that_offends_again_after_its_penalty_is_reported_anew() -> None:
    table = Penalties(COST, 0.0, 60.0)
    table.add(A, Cause.REFUSED, 0.0)
    assert table.refuses(A, 1.0)
    table.add(A, Cause.REFUSED, 100.0)
    begins = PenaltyNews(A, 10.0, "refused 1")
    assert table.take_news() == [begins, PenaltyNews(A, refused=1), begins]


def test_a_flood_of_sources_is_not_reported_one_by_one() -> None:
    table = Penalties(COST, 0.0, 60.0)
    for number in range(2 * penalties.MAX_TOLD):
        table.add((4, number), Cause.REFUSED, 0.0)
    assert len(table.take_news()) == penalties.MAX_TOLD
    for _ in range(2 * penalties.MAX_TOLD):
        table.tidy(100.0)
    assert len(table.take_news()) == penalties.MAX_TOLD
    assert len(table) == 0


def test_without_a_cause_there_is_not_a_table() -> None:
    assert penalties.penalties_of(PenaltyKeys()) is None
    made = penalties.penalties_of(PenaltyKeys(signal=30.0, max=40.0))
    assert made is not None
    assert made.add(A, Cause.REFUSED, 0.0) == 0.0
    made.add(A, Cause.SIGNAL, 0.0)
    assert made.add(A, Cause.SIGNAL, 0.0) == 40.0


def test_a_ban_is_for_as_long_as_the_last_one_says_and_is_never_the_first_to_fall_out(monkeypatch: pytest.MonkeyPatch) -> None:
    table = penalties.sensors_table()
    table.ban(A, "sensor trap", penalties.deny_seconds(5), 0.0)
    table.ban(A, "sensor trap", penalties.deny_seconds(1), 0.0)
    assert table.left(A, 0.0) == 60.0
    table.ban(A, "sensor snare", penalties.deny_seconds("FOREVER"), 59.0)
    assert table.why(A) == "sensor trap 2, sensor snare 1"
    assert table.refuses(A, 1e12)
    assert [penalties.deny_seconds(word) for word in (5, "NEVER", "FOREVER")] == [300.0, 0.0, math.inf]
    monkeypatch.setattr(penalties, "MAX_SOURCES", 2)
    table.ban(B, "sensor trap", 60.0, 60.0)
    table.ban((4, 3), "sensor trap", 60.0, 60.0)
    assert table.sources() == (A, (4, 3))


def test_what_goes_from_front_to_front_is_what_counts_and_within_the_bounds_of_the_next() -> None:
    old, new = Penalties(COST, 0.0, 600.0), Penalties(COST, 0.0, 20.0)
    old.add(A, Cause.REFUSED, 0.0)
    old.add(B, Cause.NO_BYTES, 0.0)
    assert old.refuses(A, 1.0)
    (entry,) = old.entries(old.sources(), 6.0)
    assert entry == (*A, 10.0, 0.0, 1, {"refused": 1})
    for until in (10.0, 1e9, 5.0):
        new.restore((4, int(until)), penalties.Penalty(until, 0.0, {"refused": 1}, 1), 6.0)
    assert {source[1]: new.left(source, 6.0) for source in new.sources()} == {10: 4.0, 10**9: 20.0}
