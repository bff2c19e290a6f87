"""Rates: what a source may, and how often a service may start. Times are made up here."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.policy.rate import WINDOW, RateTable, StartLimit


def starts(limit: StartLimit, now: float, tries: int) -> int:
    """How many of so many tries at once may start."""
    begun = 0
    for _ in range(tries):
        if limit.open(now):
            limit.count(now)
            begun += 1
    return begun


def test_a_service_starts_so_often_in_a_minute_and_then_rests() -> None:
    limit = StartLimit(3, 600.0)
    assert starts(limit, 1000.0, 5) == 3
    assert starts(limit, 1599.9, 1) == 0
    assert starts(limit, 1600.0, 5) == 3


def test_the_minute_begins_with_the_first_start_and_starts_anew_by_itself() -> None:
    limit = StartLimit(2, 600.0)
    assert starts(limit, 0.0, 1) == 1
    assert starts(limit, 59.0, 1) == 1
    assert starts(limit, 61.0, 2) == 2


def test_who_is_refused_elsewhere_uses_nothing_up() -> None:
    limit = StartLimit(1, 600.0)
    assert all(limit.open(float(moment)) for moment in range(100))
    assert starts(limit, 100.0, 2) == 1


def test_knocking_on_does_not_lengthen_the_pause() -> None:
    limit = StartLimit(1, 10.0)
    assert starts(limit, 0.0, 2) == 1
    assert not any(limit.open(float(moment)) for moment in range(1, 10))
    assert limit.open(10.0)


@given(
    st.integers(1, 5),
    st.floats(WINDOW, 1000),
    st.lists(st.floats(0, 50), max_size=60),
)
def test_no_minute_ever_has_more_than_twice_the_starts_and_none_is_without_end(
    count: int, pause: float, steps: list[float]
) -> None:
    limit, now, begun = StartLimit(count, pause), 0.0, []
    for step in steps:
        now += step
        if limit.open(now):
            limit.count(now)
            begun.append(now)
    # A window is fixed, as the inetds' is: the end of one and the beginning of the next may lie close together.
    assert all(sum(moment <= other <= moment + WINDOW for other in begun) <= 2 * count for moment in begun)
    assert limit.open(now + pause + WINDOW + 1)


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(-5, 5), max_size=40))
def test_a_clock_that_goes_back_mints_no_tokens(rate: float, burst: int, steps: list[float]) -> None:
    table, now, latest, taken = RateTable(rate, burst, 0.0), 0.0, 0.0, 0
    for step in steps:
        now = max(0.0, now + step)
        latest = max(latest, now)
        taken += table.take((4, 1), now)
    assert taken <= burst + latest * rate + len(steps) * 1e-9


def test_sources_that_may_do_everything_again_are_forgotten_as_others_come() -> None:
    table = RateTable(50.0, 50.0, 10.0)
    for number in range(10_000):
        assert table.take((4, number), number / 1000)
    assert len(table) < 50


def test_who_is_paused_or_short_of_tokens_is_remembered_whatever_source_comes() -> None:
    table = RateTable(1.0, 1.0, 10.0)
    assert [table.take((4, 1), 0.0), table.take((4, 1), 0.0)] == [True, False]
    for number in range(2, 5000):
        table.take((4, number), number / 1000)
    assert not table.take((4, 1), 9.9)
    assert table.take((4, 1), 10.0)


def test_a_token_that_is_missing_is_remembered() -> None:
    table = RateTable(0.1, 3.0, 0.0)
    came = [table.take((4, source), 0.0) for source in (1, 2, 3, 4, 1, 5, 1, 6, 1)]
    assert came == [True] * 8 + [False]


@given(
    st.floats(0.1, 100),
    st.integers(1, 5),
    st.floats(0, 5),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.0])), min_size=10, max_size=60),
)
def test_what_is_forgotten_changes_no_answer(rate: float, burst: int, pause: float, steps: list[tuple[int, float]]) -> None:
    together, alone = RateTable(rate, burst, pause), {source: RateTable(rate, burst, pause) for source in range(4)}
    now = 0.0
    for source, step in steps:
        now += step
        assert together.take((4, source), now) == alone[source].take((4, source), now)


@given(st.floats(0.1, 10), st.integers(1, 4), st.sampled_from([0.0, 3.0]), st.lists(st.integers(0, 12), max_size=40))
def test_what_would_be_refused_is_what_is_refused(rate: float, burst: int, pause: float, steps: list[int]) -> None:
    table, now = RateTable(rate, burst, pause), 0.0
    for step in steps:
        now += step / 4
        refused = table.would_refuse((4, 1), now)
        assert table.take((4, 1), now) is not refused


STEPS = st.sampled_from([0, 0, 1, 6, 7, 8, 59, 60, 61])
"""Seconds, near those that count."""


@given(st.integers(1, 3), st.sampled_from([0.0, 7.0, 90.0]), st.lists(STEPS, min_size=5, max_size=40))
def test_a_start_that_would_be_refused_is_refused_and_the_minute_is_counted(count: int, pause: float, steps: list[int]) -> None:
    limit, now = StartLimit(count, pause), 0.0
    began, started = 0.0, 0
    for step in steps:
        now += step
        refused = limit.would_refuse(now)
        assert limit.open(now) is not refused
        if not refused:
            if not started or now - began > WINDOW:
                began, started = now, 0
            limit.count(now)
            started += 1
            assert limit.within(now) == started
        else:
            started = 0
            assert limit.within(now) == (count if pause else 0)


def test_a_pause_is_over_at_its_last_moment() -> None:
    limit = StartLimit(1, 10.0)
    assert starts(limit, 5.0, 2) == 1
    assert (limit.within(14.9), limit.would_refuse(14.9)) == (1, True)
    assert (limit.within(15.0), limit.would_refuse(15.0)) == (0, False)


def test_a_source_has_slowed_down_once_half_of_its_burst_is_back() -> None:
    table = RateTable(1.0, 4.0, 0.0)
    assert [table.take((4, 1), 0.0) for _ in range(5)] == [True] * 4 + [False]
    table.news.clear()
    assert table.take((4, 1), 1.0)
    assert table.news == []
    assert table.take((4, 1), 3.0)  # two of four
    (news,) = table.news
    assert (news.source, news.refused, news.seconds) == ((4, 1), 1, 3.0)


def test_what_is_restored_is_no_more_than_the_limit_s_own() -> None:
    limit = StartLimit(2, 10.0)
    limit.restore(0, 5.0, 0.0, 5.0)
    assert (limit.within(5.0), limit.state()) == (0, (0, 5.0, 0.0))
    limit.restore(-3, 99.0, 99.0, 5.0)
    assert limit.state() == (0, 5.0, 15.0)
    limit.restore(2, 1.0, 0.0, 5.0)
    assert limit.would_refuse(5.0)
    table = RateTable(1.0, 4.0, 10.0)
    table.restore((4, 1), 99.0, 99.0, 5.0)
    table.restore((4, 2), -1.0, 4.0, 5.0)
    assert table.entries([(4, 1), (4, 2), (4, 3)], 5.0) == [(4, 1, 4.0, 15.0), (4, 2, 0.0, 4.0)]
    assert (table.would_refuse((4, 1), 14.9), table.would_refuse((4, 1), 15.0)) == (True, False)
