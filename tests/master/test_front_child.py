"""The front as a child: whatever it does or does not do, the master goes on and another takes its place."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from superd.errors import ControlError
from superd.ipc.front_orders import Begin, Change, Launching, Ping, Stop
from superd.ipc.front_requests import RequestWriter
from superd.ipc.order_channel import OrderReader
from superd.master.front_child import STOPPED_GRACE, FrontChild
from superd.master.heartbeat import ANSWER, HEARTBEAT, LATE
from superd.policy_snapshot import PolicySnapshot
from superd.settings import Settings
from tests.clock import Clock
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.ipc.front_requests import RequestHandlers
    from superd.log.log import Log

FIRST = Begin(Change(1, Settings(), Launching()), PolicySnapshot(()))


class Handlers:
    """What a master does at requests, as far as these tests need it."""

    def __init__(self, front: FrontChild) -> None:
        self.front = front
        self.calls: list[str] = []

    def on_alive(self, number: int) -> None:
        self.calls.append("alive")
        self.front.alive(number)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.calls.append(name)


class Parts:
    """A front that runs ``run`` in a real process, with a clock that stands still."""

    def __init__(self, run: Callable[[Begin, socket.socket], int]) -> None:
        self.clock = Clock()
        self.log = Lines()
        self.poll = select.poll()
        self.front = FrontChild(run, cast("Log", self.log), self.poll, self.clock)
        self.handlers = Handlers(self.front)
        self.pids: list[int] = []

    def start(self) -> None:
        self.front.start(FIRST, lambda: None)
        self.pids.append(self.front.pid)

    def serve(self, calls: int) -> None:
        """Until the front has sent so many requests."""
        while len(self.handlers.calls) < calls:
            for fd, events in self.poll.poll(20_000):
                assert fd == self.front.fileno()
                self.front.on_ready(cast("RequestHandlers", self.handlers), events)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.front.on_timer(self.clock.now)

    def reap(self) -> int:
        pid, status = os.waitpid(self.front.pid, 0)
        self.front.ended(status, stopping=False)
        self.pids.remove(pid)
        return status


@pytest.fixture
def made() -> Iterator[Callable[[Callable[[Begin, socket.socket], int]], Parts]]:
    all_parts: list[Parts] = []

    def make(run: Callable[[Begin, socket.socket], int]) -> Parts:
        parts = Parts(run)
        all_parts.append(parts)
        parts.start()
        return parts

    yield make
    for parts in all_parts:
        parts.front._drop_channel()
        for pid in parts.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


Make = Callable[[Callable[[Begin, socket.socket], int]], Parts]


def hangs(order: Begin, channel: socket.socket) -> int:
    signal.pause()
    return 0


def obeys(order: Begin, channel: socket.socket) -> int:
    """Answers every sign of life."""
    channel.setblocking(True)
    reader, writer = OrderReader(channel), RequestWriter(channel)
    writer.send("ready")
    while True:
        found = reader.read()
        if isinstance(found, Ping):
            writer.send("alive", number=found.number)
        if isinstance(found, Stop):
            return 0


def test_a_front_that_answers_is_asked_again_and_left_alone(made: Make) -> None:
    parts = made(obeys)
    parts.serve(2)
    for number in range(3, 6):
        assert parts.front.due == parts.clock.now + HEARTBEAT
        parts.pass_time(HEARTBEAT)
        parts.serve(number)
    assert parts.log.lines == []
    parts.front.tell(Stop(end=False, grace=0.0))
    assert parts.reap() == 0


def test_a_front_that_hangs_is_killed_and_the_cause_is_named(made: Make) -> None:
    parts = made(hangs)
    parts.pass_time(ANSWER - 0.1)
    assert parts.log.lines == []
    parts.pass_time(0.1)
    assert parts.reap() == signal.SIGKILL
    assert parts.log.lines[0].startswith("alert: the front has not answered for 20 s (it ")
    assert parts.log.lines[1] == "crit: the front ended (signal 9); starting another"
    assert parts.front.start_at == parts.clock.now


def test_a_master_that_stood_still_itself_gives_its_front_time_anew(made: Make) -> None:
    parts = made(hangs)
    parts.pass_time(ANSWER + LATE + 1)
    assert parts.log.lines == []
    assert parts.front.due == parts.clock.now + ANSWER


def test_an_answer_that_waits_to_be_read_counts(made: Make) -> None:
    parts = made(obeys)
    assert select.select([parts.front.fileno()], [], [], 20)[0]
    parts.pass_time(ANSWER)
    assert parts.log.lines == []
    parts.serve(2)
    assert parts.front.due == parts.clock.now  # it was asked long ago


def test_large_tables_give_a_front_more_time(made: Make) -> None:
    parts = made(obeys)
    parts.serve(2)
    parts.pass_time(HEARTBEAT)
    before = parts.front.due
    assert before is not None
    parts.front.tell(Change(2, Settings(), Launching(), policy=PolicySnapshot((), deny=bytes(1_000_000))))
    assert parts.front.due == before + 10.0


def test_a_front_that_a_signal_stopped_is_replaced_and_one_that_goes_on_is_not(made: Make) -> None:
    parts = made(hangs)
    os.kill(parts.front.pid, signal.SIGSTOP)
    os.waitpid(parts.front.pid, os.WUNTRACED)
    parts.front.stopped()
    os.kill(parts.front.pid, signal.SIGCONT)
    parts.pass_time(STOPPED_GRACE)
    assert parts.log.lines == []
    os.kill(parts.front.pid, signal.SIGSTOP)
    os.waitpid(parts.front.pid, os.WUNTRACED)
    parts.front.stopped()
    parts.pass_time(STOPPED_GRACE)
    assert parts.log.lines == ["alert: the front was stopped by a signal; it is being replaced"]
    assert parts.reap() == signal.SIGKILL


def test_a_front_that_does_not_end_is_killed(made: Make) -> None:
    parts = made(hangs)
    parts.front.end_within(3.0)
    parts.pass_time(3.0)
    assert parts.log.lines[0].startswith("alert: the front does not end (it ")
    pid, status = os.waitpid(parts.front.pid, 0)
    parts.front.ended(status, stopping=True)
    parts.pids.remove(pid)
    assert (parts.front.pid, parts.front.start_at, parts.front.due) == (0, None, None)


def test_a_front_that_keeps_dying_is_started_later_and_later(made: Make) -> None:
    parts = made(lambda order, channel: 70)
    pauses = []
    for _ in range(6):
        parts.reap()
        assert parts.front.start_at is not None
        pauses.append(parts.front.start_at - parts.clock.now)
        parts.clock.now = parts.front.start_at
        parts.start()
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert "starting another in 8 s, it died 6 times" in parts.log.lines[-1]


def test_a_right_that_is_missing_to_kill_it_is_reported_and_ends_nothing(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = made(hangs)

    def no_right(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", no_right)
        parts.front.replace("it means ill")
    assert parts.log.lines[-1].endswith("cannot be killed: Operation not permitted")
    assert parts.front.fileno() == -1


def test_no_room_for_a_front_is_reported_and_tried_again(made: Make) -> None:
    parts = Parts(hangs)
    parts.front.cannot_start("Resource temporarily unavailable")
    assert parts.log.lines == [
        "alert: the front cannot be started, and clients wait: Resource temporarily unavailable; trying again"
    ]
    assert parts.front.start_at == parts.clock.now + 1.0


def test_requests_that_hold_the_master_too_long_end_their_front(made: Make) -> None:
    def asks(order: Begin, channel: socket.socket) -> int:
        RequestWriter(channel).send("policy")
        signal.pause()
        return 0

    parts = made(asks)

    class Slow(Handlers):
        def on_policy(self) -> None:
            parts.clock.now += 10.0

    (event,) = parts.poll.poll(20_000)
    parts.front.on_ready(cast("RequestHandlers", Slow(parts.front)), event[1])
    assert parts.log.lines == ["alert: the front broke its protocol (its requests take too long); it is being replaced"]


def test_orders_that_a_front_does_not_read_hold_no_master_up_and_arrive_when_it_does(made: Make) -> None:
    go_on, told = os.pipe(), os.pipe()

    def sleeps_first(order: Begin, channel: socket.socket) -> int:
        os.read(go_on[0], 1)
        channel.setblocking(True)
        reader, seen = OrderReader(channel), 0
        while seen < 2000:
            seen += isinstance(reader.read(), Stop)
        os.write(told[1], b"all")
        return 0

    parts = made(sleeps_first)
    for _ in range(2000):
        parts.front.tell(Stop(end=False, grace=0.0))
    os.write(go_on[1], b"x")
    while parts.front.fileno() != -1:  # it closes the channel when it has read all
        for _, events in parts.poll.poll(20_000):
            parts.front.on_ready(cast("RequestHandlers", parts.handlers), events)
    assert os.read(told[0], 3) == b"all"
    for fd in (*go_on, *told):
        os.close(fd)


def test_a_dump_is_what_the_front_wrote_into_the_masters_memory(made: Make) -> None:
    from superd.ipc.front_orders import Dump

    def dumps(order: Begin, channel: socket.socket) -> int:
        channel.setblocking(True)
        reader = OrderReader(channel)
        while not isinstance(found := reader.read(), Dump):
            pass
        os.pwrite(found.memory, b"the state", 0)
        RequestWriter(channel).send("dump", number=9)
        signal.pause()
        return 0

    parts = made(dumps)
    with pytest.raises(ControlError):
        parts.front.take_dump(9)
    parts.front.ask_dump()
    parts.serve(1)
    assert parts.handlers.calls == ["on_dump"]
    assert parts.front.take_dump(9) == b"the state"
    with pytest.raises(ControlError):
        parts.front.take_dump(9)
