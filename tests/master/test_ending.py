"""How superd ends: which grace each signal gives, what stops at once, and what the service manager keeps."""

from __future__ import annotations

import signal
import time
from typing import Any, cast

import pytest

from superd.exit_status import EX_FAILURE, EX_NOPERM
from superd.ipc.front_orders import LAST_GRACE
from superd.master.ending import KILL_GRACE, Ending
from superd.registry import Registry
from superd.settings import Settings
from tests.master.parts import Lines, in_service


class Part:
    """Any other part: it keeps the calls that it got, under its own name."""

    def __init__(self, name: str, calls: list[tuple[Any, ...]], **values: Any) -> None:
        self.__dict__.update(values)
        self._name, self._calls = name, calls

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self._calls.append((f"{self._name}.{name}", *given, *named.values()))


class Made:
    def __init__(self, *, possible: bool = True, former: int = 0, fails: bool = False, **settings: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.lines = Lines()

        def part(name: str, **values: Any) -> Any:
            return Part(name, self.calls, **values)

        def give(kept: bytes, waiting: int, grace: float | None) -> None:
            if fails:
                raise OSError(105, "No buffer space available")
            self.calls.append(("give", kept, waiting, grace))

        self.ending = Ending(
            cast("Any", self.lines), part("notifier"), in_service(Registry({}, Settings(**settings))), part("orders"),
            part("front"), part("former", pid=former), part("processes"),
            part("leaving", possible=lambda: possible, give=give), (part("a"), part("b")), part("listeners").close,
        )  # fmt: skip

    def grace(self, number: int) -> tuple[bool, float]:
        """Whether this signal ends sessions, and the seconds that they get."""
        self.calls.clear()
        self.ending.stop(number)
        (order,) = [call for call in self.calls if call[0] == "orders.stop"]
        assert ("front.end_within", order[2] + LAST_GRACE + KILL_GRACE) in self.calls
        return order[1], order[2]


@pytest.mark.parametrize(
    ("number", "sessions", "ends"),
    [
        (signal.SIGTERM, "end", (True, 7.0)),
        (signal.SIGINT, "end", (True, 0.0)),
        (signal.SIGQUIT, "end", (False, 0.0)),
        (signal.SIGTERM, "keep", (False, 0.0)),
    ],
)
def test_each_signal_has_its_grace(number: int, sessions: str, ends: tuple[bool, float]) -> None:
    made = Made(stop_grace=7.0, stop_sessions=sessions)
    assert made.grace(number) == ends
    assert made.calls[:3] == [("notifier.stopping",), ("a.stop",), ("b.stop",)]
    assert (made.ending.stopping, made.ending.status) == (True, 0)


def test_a_second_signal_leaves_no_grace_and_tells_the_manager_nothing_new() -> None:
    made = Made(stop_grace=7.0)
    made.grace(signal.SIGTERM)
    assert made.grace(signal.SIGTERM) == (True, 0.0)
    assert ("notifier.stopping",) not in made.calls


def test_listeners_are_open_until_the_grace_is_over() -> None:
    made = Made(stop_grace=7.0)
    made.ending.stop(signal.SIGTERM)
    made.calls.clear()
    assert made.ending.due is not None
    assert made.ending.due - time.monotonic() > 5
    made.ending.on_timer(made.ending.due - 0.1)
    assert made.calls == []
    made.ending.on_timer(made.ending.due)
    made.ending.on_timer(made.ending.due or 1e12)
    assert made.calls == [("listeners.close",)]


def test_the_status_says_why_it_ends() -> None:
    made = Made()
    made.ending.begin(EX_NOPERM)
    made.ending.stop(signal.SIGTERM)
    assert made.ending.status == EX_NOPERM
    made = Made()
    made.ending.nothing_left()
    assert (made.ending.status, made.ending.stopping) == (EX_FAILURE, True)


@pytest.mark.parametrize(("possible", "former"), [(False, 0), (True, 4711)])
def test_nothing_is_left_to_a_manager_that_takes_too_little_or_during_an_upgrade(possible: bool, former: int) -> None:
    made = Made(possible=possible, former=former)
    assert not made.ending.leave_room()
    assert (made.calls, made.ending.stopping) == ([], False)


def test_all_is_left_to_the_manager_with_the_grace_of_sessions() -> None:
    made = Made(stop_grace=7.0)
    assert made.ending.leave_room()
    assert made.calls[:2] == [("processes.leave",), ("notifier.stopping",)]
    assert not made.ending.leave_room()
    made.ending.leave(b"kept", -1)
    assert made.calls[-1] == ("give", b"kept", -1, 7.0)
    assert made.ending.left


def test_a_manager_that_does_not_take_it_makes_sessions_end_as_without_one() -> None:
    made = Made(fails=True)
    assert made.ending.leave_room()
    made.ending.leave(b"kept", -1)
    assert ("processes.start_front", b"kept", -1) in made.calls
    assert "orders.stop" in [call[0] for call in made.calls]
    assert not made.ending.left
    assert any("No buffer space available" in line for line in made.lines.lines)
