"""Launches that are tried again: when, for how long, and whose their descriptors are."""

from __future__ import annotations

from superd.ipc.launch_codec import Launch
from superd.launcher.retries import FIRST, LAST, MOST, NEVER, TOTAL, Retries


def launch(conn: int) -> Launch:
    return Launch(conn, "x", "192.0.2.7", 1, "192.0.2.1", 2, "", "", "tcp")


def test_pauses_double_to_a_second_and_end_with_the_last_try() -> None:
    retries, now, pause = Retries(), 100.0, FIRST
    until, pauses = now + TOTAL, list[float]()
    while now < until:
        retries.keep(launch(1), 9, pause, 100.0, now)
        assert retries.take_due(retries.due - 0.001) == []
        pauses.append(retries.due - now)
        now = retries.due
        (entry,) = retries.take_due(now)
        assert (entry.fd, entry.began) == (9, 100.0)
        pause = entry.pause
    assert [round(pause, 3) for pause in pauses[:6]] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    assert max(pauses) == LAST
    assert now == until
    assert len(retries) == 0


def test_only_what_is_due_is_taken_and_can_be_given_back() -> None:
    retries = Retries()
    for conn in (1, 2, 3):
        retries.keep(launch(conn), conn, FIRST * conn, 100.0, 100.0)
    due = retries.take_due(100.0 + 2 * FIRST)
    assert [entry.request.conn for entry in due] == [1, 2]
    retries.give_back(due[1:])
    assert {entry.request.conn for entry in retries} == {2, 3}


def test_a_launch_can_be_taken_by_its_connection_once() -> None:
    retries = Retries()
    retries.keep(launch(1), 5, FIRST, 100.0, 100.0)
    entry = retries.take(1)
    assert entry is not None
    assert entry.fd == 5
    assert retries.take(1) is None
    assert retries.due == NEVER


def test_there_is_a_most() -> None:
    retries = Retries()
    for conn in range(MOST):
        assert not retries.full
        retries.keep(launch(conn), conn, FIRST, 100.0, 100.0)
    assert retries.full
