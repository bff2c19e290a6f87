"""The end of a front: sessions get their grace, then they are ended, and listeners close in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from superd.front.ending import end
from superd.front.sessions.live import SERVED
from superd.ipc.front_orders import LAST_GRACE, Stop
from superd.log.event import Kind
from tests.front.fakes import CLIENT, FakeLog, FakeRunning, Parts, service


class Log(FakeLog):
    def message(self, level: Any, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE, record: Any = None) -> None:
        self.events.append((level, service, text))


Ending = Callable[[Stop], Awaitable[list[tuple[str, float]]]]


async def ending(parts: Parts, order: Stop) -> list[tuple[str, float]]:
    """What happens, and when."""
    happened: list[tuple[str, float]] = []
    began = trio.current_time()

    def note(what: str) -> Callable[[], None]:
        return lambda: happened.append((what, round(trio.current_time() - began, 2)))

    await end(order, parts.book, note("closed"), Log(), note("over"))
    return happened


async def test_without_sessions_it_is_over_at_once(autojump_clock: trio.testing.MockClock) -> None:
    assert await ending(Parts(), Stop(True, 10)) == [("closed", 0), ("over", 0)]


async def test_programs_that_are_kept_are_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    parts, running = Parts(), FakeRunning()
    parts.book.enter(service(), CLIENT, 1000.0).running = running
    assert await ending(parts, Stop(False, 10)) == [("closed", 0), ("over", 0)]
    assert running.signals == []


async def test_sessions_get_their_grace_and_then_a_signal(autojump_clock: trio.testing.MockClock) -> None:
    parts, running = Parts(), FakeRunning()
    parts.book.enter(service(), CLIENT, 1000.0).running = running
    assert await ending(parts, Stop(True, 10)) == [("closed", 10), ("over", 10 + LAST_GRACE)]
    assert len(running.signals) == 1


async def test_the_last_session_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    parts = Parts()
    session = parts.book.enter(service(), CLIENT, 1000.0)

    async def leave() -> None:
        await trio.sleep(3)
        parts.book.over(session, SERVED)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        assert await ending(parts, Stop(True, 10)) == [("closed", 3.0), ("over", 3.0)]
