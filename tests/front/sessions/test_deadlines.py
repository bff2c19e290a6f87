"""Deadlines: SIGTERM in time, SIGKILL after the grace, nothing for a session that is over; a heap that does not grow."""

from __future__ import annotations

import signal
from typing import Any

import trio

from superd.front.sessions.deadlines import _STALE
from superd.front.sessions.live import SERVED
from superd.record import Ending
from tests.front.fakes import CLIENT, FakeRunning, Parts, service

LIMITED: dict[str, Any] = {"limits": {"session": 10, "kill_grace": 3}}


def test_a_session_gets_sigterm_at_its_limit_and_sigkill_after_its_grace() -> None:
    parts, running = Parts(), FakeRunning()
    session = parts.book.enter(service(**LIMITED), CLIENT, parts.clock())
    session.running = running
    for seconds, expected in (
        (9.9, []),
        (0.1, [signal.SIGTERM]),
        (2.9, [signal.SIGTERM]),
        (0.2, [signal.SIGTERM, signal.SIGKILL]),
        (60.0, [signal.SIGTERM, signal.SIGKILL]),
    ):
        parts.clock.now += seconds
        parts.deadlines.end_overdue()
        assert [number for _, number in running.signals] == expected
        assert session.record.ended_by == (Ending.SESSION_LIMIT if expected else None)
    assert parts.deadlines.due() is None


def test_a_session_that_has_not_begun_in_time_ends_and_one_that_has_begun_does_not() -> None:
    parts = Parts()
    late, begun = (parts.book.enter(service(limits={"start": 2, "kill_grace": 3}), CLIENT, parts.clock()) for _ in range(2))
    late.running, begun.running = slow, quick = FakeRunning(), FakeRunning()
    parts.clock.now += 1.9
    parts.book.started(begun, pid=7)
    parts.deadlines.end_overdue()
    assert slow.signals == []
    parts.clock.now += 0.2
    parts.deadlines.end_overdue()
    parts.clock.now += 60
    parts.deadlines.end_overdue()
    assert [number for _, number in slow.signals] == [signal.SIGTERM, signal.SIGKILL]
    assert (quick.signals, begun.record.ended_by, late.record.ended_by) == ([], None, Ending.START_LIMIT)


def test_a_session_that_is_over_gets_no_signal() -> None:
    parts, running = Parts(), FakeRunning()
    session = parts.book.enter(service(**LIMITED), CLIENT, parts.clock())
    session.running = running
    parts.book.over(session, SERVED)
    parts.clock.now += 20
    parts.deadlines.end_overdue()
    parts.deadlines.end(session, Ending.STOP)
    assert running.signals == []


def test_timers_of_sessions_that_are_over_do_not_pile_up() -> None:
    parts, one = Parts(), service(**LIMITED)
    for _ in range(50 * _STALE):
        parts.book.over(parts.book.enter(one, CLIENT, parts.clock()), SERVED)
        assert len(parts.deadlines._timers) <= 2 * _STALE
    session = parts.book.enter(one, CLIENT, parts.clock())
    session.running = running = FakeRunning()
    for _ in range(50 * _STALE):
        parts.book.over(parts.book.enter(one, CLIENT, parts.clock()), SERVED)
    parts.clock.now += 10
    parts.deadlines.end_overdue()
    assert len(running.signals) == 1


async def test_the_task_wakes_for_a_timer_that_is_earlier_than_all_it_waits_for(autojump_clock: trio.testing.MockClock) -> None:
    parts, late, early = Parts(), FakeRunning(), FakeRunning()
    parts.deadlines._clock = parts.clock = trio.current_time  # type: ignore[assignment]
    session = parts.book.enter(service(limits={"session": 100}), CLIENT, trio.current_time())
    session.running = late
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.deadlines.run)
        await trio.testing.wait_all_tasks_blocked()
        other = parts.book.enter(service(**LIMITED), CLIENT, trio.current_time())
        other.running = early
        await trio.sleep(10.5)
        assert (early.signals, late.signals) == ([(2, signal.SIGTERM)], [])
        await trio.sleep(90)
        assert late.signals == [(1, signal.SIGTERM)]
        nursery.cancel_scope.cancel()
