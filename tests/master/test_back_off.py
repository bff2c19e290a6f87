"""A process that keeps dying is started again later and later; one that lived starts at once."""

from __future__ import annotations

import itertools

from superd.master.back_off import FIRST, FREE, LAST, YOUNG, BackOff


def test_pauses_double_up_to_the_longest_and_a_life_ends_them() -> None:
    back_off = BackOff()
    pauses = [back_off.died(0.1) for _ in range(20)]
    assert pauses[0] == FIRST
    assert all(after == min(LAST, 2 * before) for before, after in itertools.pairwise(pauses))
    assert back_off.deaths == 20
    assert back_off.died(max(YOUNG, 2 * LAST)) == 0.0
    assert back_off.deaths == 0


def test_the_first_deaths_after_a_second_cost_no_pause_and_one_every_two_seconds_does() -> None:
    back_off = BackOff()
    assert [back_off.died(2.0) for _ in range(FREE)] == [0.0] * FREE
    assert back_off.died(2.0) == FIRST
    assert back_off.died(2.0) == 2 * FIRST
    assert (back_off.deaths, back_off.at_once) == (FREE + 2, 0)


def test_a_process_that_lives_hardly_longer_than_its_pause_has_not_recovered() -> None:
    back_off = BackOff()
    for _ in range(20):
        back_off.died(0.0)
    assert back_off.died(YOUNG + 1) == (LAST if 2 * LAST > YOUNG + 1 else 0.0)


def test_the_log_says_how_often_a_process_died_once_its_next_start_waits() -> None:
    back_off = BackOff()
    assert back_off.consequence(back_off.died(YOUNG)) == "starting another"
    assert back_off.consequence(back_off.died(0.0)) == "starting another in 1 s, it died 1 times"
    assert back_off.consequence(back_off.died(0.0)) == "starting another in 2 s, it died 2 times"
