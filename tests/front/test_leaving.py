"""How a front leaves: what it tells the master, what it passes on, and when it may go."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import trio

from superd.front.in_force import InForce
from superd.front.kept import Counted
from superd.front.leaving import Leaving
from superd.front.sessions.live import Stage
from superd.ipc.front_orders import Fd, Retire, Stop
from superd.policy.wished import Wished
from superd.settings import Settings
from tests.front.fakes import CLIENT, Parts, service


class Made:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.tasks: list[tuple[Any, ...]] = []
        self.parts = parts = Parts()
        self.carriers = SimpleNamespace(settled=True)
        queue = SimpleNamespace(close=self.call("queue.close"), pass_on=lambda channel: self.calls.append("queue.pass_on"))
        self.leaving = Leaving(
            InForce(Settings()), parts.book, (), queue, SimpleNamespace(close=self.call("listeners.close")),
            SimpleNamespace(settled=True), self.carriers, Counted({}, parts.sensors, Wished(), parts.book.tallies),
            parts.log, lambda *given: self.tasks.append(given), self.call("stopped"), self.call("cancel"),
        )  # fmt: skip

    def call(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)


def test_at_the_end_the_master_learns_it_and_the_front_is_cancelled() -> None:
    made = Made()
    order = Stop(True, 1.0)
    made.leaving.stop(order)
    _, given, book, close, _, then = made.tasks[0]
    assert (given, book) == (order, made.parts.book)
    close()
    then()
    assert made.calls == ["queue.close", "listeners.close", "stopped", "cancel"]


def test_a_front_may_go_when_every_session_is_known_to_a_launcher_or_a_relay() -> None:
    made = Made()
    assert made.leaving.settled()
    session = made.parts.book.enter(service(), CLIENT, 1000.0)
    assert not made.leaving.settled()
    session.stage = Stage.RUNNING
    assert made.leaving.settled()
    made.carriers.settled = False
    assert not made.leaving.settled()


async def test_a_front_that_makes_room_passes_its_queue_on_twice_and_writes_what_it_counted() -> None:
    made = Made()
    told, go = os.pipe()
    os.write(go, b"g")
    memory = os.memfd_create("kept")
    waiting, _other = socket.socketpair()
    with _other:
        made.leaving.retire(Retire(Fd(told), Fd(os.dup(memory)), Fd(waiting.detach())))
        task, order = made.tasks[0]
        with trio.fail_after(5):
            await task(order)
    assert made.calls == ["queue.pass_on", "listeners.close", "queue.pass_on", "cancel"]
    assert os.pread(memory, 11, 0) == b'{"sensors":'
    os.close(memory)
    os.close(go)
    assert cast("Any", made.parts.log).take() == []
