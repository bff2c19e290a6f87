"""Foreign bytes are read in a child that may die of them; the master gets a value, or a reason, and never waits."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, cast

import pytest

from superd.master.configuration import Unusable
from superd.master.reading_child import MEMORY, SECONDS, Reading, ReadingChild
from tests.clock import Clock
from tests.master.parts import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.log.log import Log


def child(clock: Clock | None = None, *, seconds: float = SECONDS, memory: int = MEMORY) -> ReadingChild:
    return ReadingChild(cast("Log", Lines()), lambda: None, clock=clock or Clock(100.0), seconds=seconds, memory=memory)


def reap(readings: ReadingChild) -> None:
    pid, status = os.waitpid(readings.pid, 0)
    assert readings.ended(pid, status)


def read(work: Callable[[], object], *, memory: int = MEMORY) -> object:
    found: list[object] = []
    readings = child(memory=memory)
    readings.ask(Reading("reload", work, found.append))
    assert found == []
    reap(readings)
    assert readings.pid == 0
    return found[0]


def why(value: object) -> str:
    assert isinstance(value, Unusable)
    return value.problems[0].message


def test_a_value_arrives() -> None:
    assert read(lambda: {"a": (1, os.getppid())}) == {"a": (1, os.getpid())}


def recurse() -> None:
    recurse()


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda: bytearray(1 << 40), "MemoryError"),
        (recurse, "RecursionError"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
        (lambda: os._exit(3), "status 3"),
        (lambda: lambda: None, "status 70"),  # no value that can be sent
    ],
)
def test_a_child_that_dies_is_a_reason(work: Callable[[], object], reason: str) -> None:
    assert reason in why(read(work))


def test_memory_has_a_bound_below_the_machines() -> None:
    assert "MemoryError" in why(read(lambda: len(bytearray(256 << 20)), memory=64 << 20))


def test_a_value_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superd.master.reading_child.ANSWER", 1 << 16)
    assert "cannot be read" in why(read(lambda: b"x" * (1 << 20)))


def test_time_has_a_bound() -> None:
    clock, found = Clock(100.0), list[object]()
    readings = child(clock, seconds=5.0)
    readings.ask(Reading("reload", signal.pause, found.append))
    readings.on_timer(104.9)
    assert readings.due == 105.0
    readings.on_timer(105.0)
    reap(readings)
    assert "longer than 5 s" in why(found[0])


def test_readings_of_one_kind_are_one_a_reload_is_first_and_half_of_the_time_is_left() -> None:
    clock, found = Clock(100.0), list[object]()
    readings = child(clock)
    readings.ask(Reading("policy", lambda: 1, found.append))
    readings.ask(Reading("policy", lambda: 2, found.append))
    readings.ask(Reading("policy", lambda: 3, found.append))
    readings.ask(Reading("reload", lambda: 4, found.append))
    clock.now += 2.0
    reap(readings)
    assert found == [1]
    assert readings.due == 104.0
    clock.now = 104.0
    readings.on_timer(clock.now)
    reap(readings)
    readings.on_timer(clock.now)
    reap(readings)
    assert found == [1, 4, 3]
    assert readings.due is None


def test_what_only_the_master_may_hold_is_closed_in_the_child() -> None:
    ours, theirs = os.pipe()
    readings = ReadingChild(cast("Log", Lines()), lambda: os.close(theirs))
    found: list[object] = []
    readings.ask(Reading("reload", lambda: os.path.exists(f"/proc/self/fd/{theirs}"), found.append))
    reap(readings)
    assert found == [False]
    for fd in (ours, theirs):
        os.close(fd)


def test_forgotten_readings_come_to_nothing() -> None:
    found: list[object] = []
    readings = child()
    readings.ask(Reading("policy", lambda: 1, found.append))
    readings.ask(Reading("reload", lambda: 2, found.append))
    readings.forget()
    reap(readings)
    assert (found, readings.due) == ([], None)
