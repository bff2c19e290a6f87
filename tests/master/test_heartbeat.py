"""Signs of life: asked for at times, answered in time, and never taken without having been asked for."""

from __future__ import annotations

import pytest

from superd.errors import ControlError
from superd.ipc.front_orders import KEPT
from superd.master.heartbeat import ANSWER, BYTES_A_SECOND, HEARTBEAT, LATE, Heartbeat
from superd.policy_snapshot import PolicySnapshot

NONE = PolicySnapshot(())


def tables(seconds: int) -> PolicySnapshot:
    """Tables for which a front gets so much more time."""
    return PolicySnapshot((), allow=bytes(seconds * BYTES_A_SECOND))


def begun(policy: PolicySnapshot = NONE) -> tuple[Heartbeat, int]:
    life = Heartbeat(0.0)
    life.begin(policy, 100.0)
    return life, life.ask(100.0)


def test_an_answer_in_time_is_followed_by_the_next_question() -> None:
    life, number = begun()
    assert life.due == 100 + ANSWER
    life.answered(number, 103.0)
    assert life.seen_at == 103.0
    assert life.due == 100 + HEARTBEAT
    assert not life.wants_sign(99.9 + HEARTBEAT)
    assert life.wants_sign(100.0 + HEARTBEAT)
    assert life.ask(108.0) == number + 1
    life.answered(number + 1, 108.0 + KEPT)  # as a front does: the next question wakes the master no second time
    assert life.wants_sign(108.0 + KEPT)
    assert life.ask(108.0 + KEPT) == number + 2
    assert not life.wants_sign(999.0)


@pytest.mark.parametrize("wrong", [-1, 0, 2])
def test_an_answer_to_another_question_is_a_fault(wrong: int) -> None:
    life, number = begun()
    with pytest.raises(ControlError, match="was not asked for"):
        life.answered(number - 1 + wrong, 101.0)
    assert life.seen_at == 100.0


def test_an_answer_counts_once() -> None:
    life, number = begun()
    life.answered(number, 101.0)
    with pytest.raises(ControlError):
        life.answered(number, 102.0)


def test_no_answer_is_overdue_at_its_moment_and_can_be_waited_for() -> None:
    life, _ = begun()
    assert not life.overdue(99.9 + ANSWER)
    assert life.overdue(100.0 + ANSWER)
    life.wait(LATE, 100.0 + ANSWER)
    assert not life.overdue(100.0 + ANSWER)
    assert life.overdue(100.0 + ANSWER + LATE)


def test_a_master_that_stood_still_gives_its_front_the_whole_time_again() -> None:
    life, _ = begun()
    late = 100.1 + ANSWER + LATE
    assert not life.overdue(late)
    assert life.due == late + ANSWER


def test_large_tables_give_more_time_until_the_next_answer() -> None:
    life, number = begun(tables(7))
    assert life.due == 107 + ANSWER
    assert life.patience == HEARTBEAT + ANSWER + 7 + LATE
    life.allow(tables(5))
    assert life.due == 112 + ANSWER
    life.answered(number, 101.0)
    assert life.patience == HEARTBEAT + ANSWER + LATE
    life.allow(tables(5))
    assert life.due == 100 + HEARTBEAT


def test_without_a_front_nothing_is_due() -> None:
    life, _ = begun()
    life.stop()
    assert life.due is None
    assert not life.overdue(1e9)
    assert not life.wants_sign(1e9)
