"""The master's relays, real ones: started by the first session, replaced when they die, stand still or are given up."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from superd.ipc import relay_messages as messages
from superd.master import relay_pool
from superd.master.relay_pool import RelayPool
from superd.settings import Settings
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log

WAIT = 10.0


class Master:
    """The master's loop, one step at a time."""

    def __init__(self, relays: int) -> None:
        self.poll = select.poll()
        self.pool = RelayPool(cast("Log", Lines()), self.poll, None)
        self.pool.configure(Settings(relays=relays))
        self.fronts = {number: self.front(number) for number in self.pool.take_new()}

    def front(self, number: int) -> socket.socket:
        front = socket.socket(fileno=os.dup(self.pool.pairs()[number]))
        front.settimeout(WAIT)
        return front

    def step(self) -> int:
        """Starts what is waited for; how many relays that are."""
        return sum(self.pool.on_readable(fd) for fd, _ in self.poll.poll(0))

    def reap(self) -> None:
        pid, status = os.waitpid(-1, 0)
        assert self.pool.ended(pid, status)

    def ping(self, number: int) -> None:
        self.fronts[number].send(messages.encode_request(messages.Ping(5)))
        self.step()
        data = self.fronts[number].recv(100)
        assert [type(report) for report in messages.parse_reports(data)] == [messages.Alive]

    def pid(self, number: int) -> int:
        return self.pool._slots[number].pid


@pytest.fixture
def master() -> Iterator[Master]:
    one = Master(2)
    yield one
    pids = [one.pid(number) for number in one.pool.running]
    one.pool.close()
    for front in one.fronts.values():
        front.close()
    for pid in pids:  # each ends by itself, for it has no session
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_relay_starts_when_the_front_has_something_for_it_and_no_other(master: Master) -> None:
    assert list(master.fronts) == [0, 1]
    assert master.step() == 0
    assert master.pool.running == frozenset()
    master.ping(1)
    assert master.pool.running == {1}
    assert master.step() == 0


def test_one_that_dies_takes_its_pair_with_it_and_the_front_gets_another(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_pool, "CRASH_PAUSE", 0.0)
    master.ping(0)
    os.kill(master.pid(0), signal.SIGKILL)
    master.reap()
    with master.fronts[0] as old:
        assert old.recv(1) == b""
    assert list(master.pool.take_new()) == [0]
    master.fronts[0] = master.front(0)
    master.ping(0)


def test_one_that_dies_at_once_is_started_again_after_a_pause_only(master: Master) -> None:
    master.fronts[0].send(b"not in the table")
    master.step()
    master.reap()
    master.fronts[0].close()
    master.fronts[0] = master.front(0)
    assert list(master.pool.take_new()) == [0]
    due = master.pool.due
    assert due is not None
    master.fronts[0].send(messages.encode_request(messages.Ping(5)))
    assert master.step() == 0
    master.pool.on_timer(due)
    assert master.step() == 1
    assert master.fronts[0].recv(100)


def test_one_that_stands_still_is_killed_after_a_grace_unless_it_goes_on(master: Master) -> None:
    master.ping(0)
    pid = master.pid(0)
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    now = time.monotonic()
    master.pool.stopped(pid, now)
    os.kill(pid, signal.SIGCONT)
    master.ping(0)
    master.pool.on_timer(now + relay_pool.STOPPED_GRACE)
    assert master.pid(0) == pid
    assert Path(f"/proc/{pid}").exists()
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    master.pool.stopped(pid, now)
    assert master.pool.due == now + relay_pool.STOPPED_GRACE
    master.pool.on_timer(now + relay_pool.STOPPED_GRACE)
    master.reap()
    assert master.pool.running == frozenset()


def test_one_that_the_front_gives_up_is_killed_and_another_number_is_nothing(master: Master) -> None:
    master.ping(0)
    master.pool.replace(1)
    master.pool.replace(99)
    master.pool.replace(0)
    master.reap()
    assert list(master.pool.take_new()) == [0]


def test_more_relays_after_a_reload_and_never_fewer_pairs(master: Master) -> None:
    master.pool.configure(Settings(relays=1))
    assert master.pool.take_new() == {}
    master.pool.configure(Settings(relays=3))
    assert list(master.pool.take_new()) == [2]
    assert list(master.pool.pairs()) == [0, 1, 2]
