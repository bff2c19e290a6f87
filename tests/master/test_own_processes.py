"""The end of each child reaches the part that has it, and a front is started with all it needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from superd.exit_status import EX_NOPERM
from superd.master.launcher_bundle import launcher_bundle
from superd.master.loop import Loop
from superd.master.own_processes import Children, OwnProcesses
from superd.master.upgrade import Own
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log


class Part:
    """Any part with children: its pids, and every call that it got."""

    def __init__(self, name: str, calls: list[tuple[Any, ...]], *pids: int) -> None:
        self.name, self.calls = name, calls
        self.pid = pids[0] if pids else 0
        self._pids = pids
        self.start_at: float | None = None
        self.kept = SimpleNamespace(found=b"")
        self.any_died = True

    def pids(self) -> tuple[int, ...]:
        return self._pids

    def ended(self, pid: int, status: int = 0, *_: object, **__: object) -> Any:
        if self.name in ("front", "former"):
            self.calls.append((self.name, "ended"))
            return b"kept"
        if pid in self._pids:
            self.calls.append((self.name, "ended"))
            return True
        if self.name == "orders":
            self.calls.append(("orders", "ended", pid))
        return False

    def take_waiting(self) -> int:
        return -1

    def stopped(self, *_: object) -> None:
        self.calls.append((self.name, "stopped"))

    def passed(self, status: int) -> bool:
        self.calls.append((self.name, "passed", status))
        return status == 0

    def begin(self, kept: bytes, waiting: int) -> Any:
        self.calls.append((self.name, "begin", kept))
        return None

    def start(self, *_: object) -> None:
        self.calls.append((self.name, "start"))

    def on_timer(self, now: float) -> None:
        pass

    def take_ended(self, now: float) -> list[tuple[int, int]]:
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.calls.append((self.name, name))


class Made:
    def __init__(self, protocol: str | None = None, **pids: int) -> None:
        self.calls: list[tuple[Any, ...]] = []
        names = ("front", "former", "launchers", "relays", "readings", "control", "upgrade", "words", "keys", "adopted")
        self.parts = {name: Part(name, self.calls, *([pids[name]] if name in pids else [])) for name in names}
        orders, sockets, files = (Part(name, self.calls) for name in ("orders", "sockets", "log_files"))
        self.lines = Lines()
        mine = Own(table={"protocol": protocol} if protocol is not None else None)
        self.own = OwnProcesses(
            Loop(cast("Log", self.lines)), Children(**cast("Any", self.parts)), cast("Any", orders), cast("Any", sockets),
            cast("Any", files), mine, on_powerless=lambda: self.calls.append(("powerless",)),
            on_trial_passed=lambda: self.calls.append(("trial passed",)),
            on_leaving=lambda kept, waiting: self.calls.append(("leaving", kept, waiting)),
        )  # fmt: skip

    def reap(self) -> list[tuple[Any, ...]]:
        self.calls.clear()
        self.own.reap()
        return self.calls


@pytest.fixture(autouse=True)
def unblocked() -> Iterator[None]:
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))


def child(status: int = 0) -> int:
    """A child that has ended, and waits to be reaped."""
    pid = os.fork()
    if pid == 0:
        os._exit(status)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_the_end_of_a_child_reaches_the_part_that_has_it() -> None:
    assert Made(relays=child()).reap() == [("relays", "ended"), ("orders", "relays")]
    assert Made(launchers=child()).reap() == [("launchers", "ended"), ("orders", "orphaned"), ("orders", "pairs")]
    assert Made(readings=child()).reap() == [("readings", "ended")]
    assert Made(control=child()).reap() == [("control", "ended")]


def test_a_front_that_makes_room_for_another_superd_is_followed_by_none() -> None:
    made = Made(former=child())
    made.own.leave()
    assert made.calls[-3:] == [("former", "take"), ("front", "hand_off"), ("former", "retire")]
    assert made.reap() == [("former", "ended"), ("leaving", b"kept", -1)]


def test_the_end_of_an_orphan_reaches_the_front() -> None:
    pid = child()
    assert Made().reap() == [("orders", "ended", pid)]


def test_a_front_that_cannot_give_up_root_is_reported_before_its_end() -> None:
    assert Made(front=child()).reap() == [("orders", "front_ended"), ("front", "ended")]
    assert Made(front=child(EX_NOPERM)).reap() == [("orders", "front_ended"), ("powerless",), ("front", "ended")]


def test_the_next_front_begins_with_what_the_former_one_wrote() -> None:
    calls = Made(former=child()).reap()
    assert calls[:3] == [("former", "ended"), ("orders", "begin", b"kept"), ("front", "start")]
    assert calls[-1] == ("orders", "close_logs")


@pytest.mark.parametrize("same", [True, False])
def test_launchers_of_another_protocol_are_replaced_when_their_front_has_ended(same: bool) -> None:
    made = Made(launcher_bundle().protocol if same else "another", former=child())
    assert (("launchers", "replace_all") in made.reap()) is not same


def test_a_new_program_that_passed_its_trial_is_executed_unless_superd_stops() -> None:
    assert Made(upgrade=child()).reap() == [("upgrade", "passed", 0), ("trial passed",)]
    assert len(Made(upgrade=child(1)).reap()) == 1
    made = Made(upgrade=child())
    made.own.stop()
    assert len(made.reap()) == 1


def test_a_child_that_a_signal_stopped_is_not_taken_for_ended() -> None:
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    assert Made(launchers=pid).reap() == [("launchers", "stopped"), ("relays", "stopped"), ("control", "stopped")]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert Made(launchers=pid).reap()[0] == ("launchers", "ended")


def test_a_front_that_is_due_is_started_and_none_while_superd_stops() -> None:
    made = Made()
    made.parts["front"].start_at = 5.0
    made.own.on_timer(4.0)
    assert made.calls == []
    made.own.on_timer(5.0)
    assert ("front", "start") in made.calls
    made.calls.clear()
    made.own.stop()
    made.own.on_timer(6.0)
    assert made.calls == []


def test_a_front_that_cannot_be_started_leaves_no_log_open() -> None:
    made = Made()

    def fails(kept: bytes, waiting: int) -> None:
        raise OSError(24, "Too many open files")

    made.own._orders.begin = fails  # type: ignore[method-assign,assignment]
    made.own.start_front()
    assert made.calls == [("front", "cannot_start"), ("orders", "close_logs")]


def test_operators_see_the_kind_and_pid_of_each_process() -> None:
    made = Made(front=11, launchers=12, relays=13)
    assert made.own.named() == [("master", os.getpid()), ("front", 11), ("relay", 13), ("launcher", 12)]


def test_a_child_closes_the_copies_of_every_part() -> None:
    made = Made()
    made.own.close_copies()
    with_copies = {*made.parts} - {"readings", "upgrade"} | {"sockets", "log_files"}
    assert {name for name, _ in made.calls} == with_copies
