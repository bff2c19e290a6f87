"""What a live session is at its start, and what a signal does to a task."""

from __future__ import annotations

import trio

from superd.front.sessions.live import LiveSession, Stage, Task
from superd.record import SessionRecord
from tests.front.fakes import CLIENT, service


def test_callbacks_of_one_session_are_not_those_of_another() -> None:
    one = service()
    first, second = (LiveSession(SessionRecord(n, one.service, CLIENT, 0.0), one, None) for n in (1, 2))
    first.when_over(lambda session: None)
    assert (len(first.on_end), second.on_end, second.stage) == (1, (), Stage.ACCEPTED)


async def test_any_signal_cancels_a_task() -> None:
    with trio.CancelScope() as scope:
        Task(scope).signal(1, 15)
        await trio.sleep_forever()
    assert scope.cancelled_caught
