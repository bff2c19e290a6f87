"""One turn of the master's loop: events, timers and signals arrive, and a step that fails ends nothing."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

from superd.master.loop import Loop
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log

NUMBERS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)


@pytest.fixture
def lines() -> Iterator[Lines]:
    before = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGPIPE)}
    yield Lines()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def loop(lines: Lines) -> Loop:
    return Loop(cast("Log", lines))


def test_signals_are_events_that_name_each_number(lines: Lines) -> None:
    made = loop(lines)
    made.take_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGUSR1)
    events: list[int] = []
    made.turn([time.monotonic() + 60], lambda fd, _: events.append(fd), ())
    assert events == [made.fileno()]
    assert made.signals() == {signal.SIGHUP, signal.SIGUSR1}
    made.let_signals_go()
    made.close_copies()


def test_a_blocked_signal_is_let_through(lines: Lines) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    made = loop(lines)
    made.take_signals()
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    made.let_signals_go()
    made.close_copies()


def test_the_first_moment_ends_the_wait_and_every_timer_gets_the_time(lines: Lines) -> None:
    begun = time.monotonic()
    seen: list[float] = []
    loop(lines).turn([None, begun + 0.02, begun + 600], lambda *_: None, (seen.append, seen.append))
    assert len(seen) == 2
    assert seen[0] >= begun + 0.02


def test_a_step_that_fails_is_reported_with_its_place_and_the_next_is_run(lines: Lines) -> None:
    made = loop(lines)
    reader, writer = os.pipe()
    made.poll.register(reader, select.POLLIN)
    os.write(writer, b"x")
    seen: list[float] = []

    def fails(fd: int, events: int) -> None:
        raise KeyError(f"{fd == reader}\n{events == select.POLLIN}")

    made.turn([], fails, (lambda now: None if now else seen.append(now), seen.append))
    (line,) = lines.lines
    assert line.startswith("alert: an event failed: KeyError 'True\\nTrue' (test_loop.py:")
    assert line.endswith("); superd goes on")
    assert len(seen) == 1
    os.close(reader)
    os.close(writer)


def test_a_log_that_fails_too_ends_nothing(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(lines, "message", fails)
    monkeypatch.setattr(lines, "flush", fails)
    done: list[float] = []
    loop(lines).turn([0.0], lambda *_: None, (fails, done.append))
    assert len(done) == 1
