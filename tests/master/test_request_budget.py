"""A front may ask so much, and hold the master for so long, and no more."""

from __future__ import annotations

from superd.master.request_budget import A_SECOND, AT_ONCE, TIME_SHARE, RequestBudget


def test_a_burst_is_taken_and_what_exceeds_it_is_not() -> None:
    budget = RequestBudget(5.0)
    assert all(budget.charge(1.0, 5.0) for _ in range(int(AT_ONCE)))
    assert not budget.charge(1.0, 5.0)


def test_the_budget_grows_with_time_but_not_over_its_size() -> None:
    budget = RequestBudget(0.0)
    assert budget.charge(AT_ONCE, 0.0)
    assert budget.charge(A_SECOND, 1.0)
    assert not budget.charge(1.0, 1.0)
    assert budget.charge(AT_ONCE, 1000.0)
    assert not budget.charge(1.0, 1000.0)


def test_time_is_charged_so_that_requests_have_a_share_of_the_masters() -> None:
    budget = RequestBudget(0.0)
    now = 0.0
    for _ in range(100):  # a tenth of the share, for ever
        now += 1.0
        assert budget.charge_time(TIME_SHARE / 10, now)
    busy = RequestBudget(0.0)
    now, answered = 0.0, 0
    while busy.charge_time(1.0, now := now + 1.0):  # the whole of its time
        answered += 1
    assert answered < 10
