"""The fork that makes a front: its signals, its session, its descriptors, and an end for every exception."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from superd.exit_status import EX_SOFTWARE
from superd.ipc.front_orders import Begin, Change, Launching
from superd.master.front_fork import fork_front
from superd.policy_snapshot import PolicySnapshot
from superd.settings import Settings

FIRST = Begin(Change(1, Settings(), Launching()), PolicySnapshot(()))


def status_of(run: Callable[[Begin, socket.socket], int], in_child: Callable[[], None] = lambda: None) -> tuple[int, bytes]:
    """Return the exit status of a front that runs ``run``, and what it sent."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            pid = fork_front(run, FIRST, ours, theirs, in_child)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return status, ours.recv(4096)


def test_a_front_leads_a_session_and_has_a_title_and_no_signal_of_the_master() -> None:
    def run(order: Begin, channel: socket.socket) -> int:
        channel.sendall(Path("/proc/self/cmdline").read_bytes().strip(b"\0 "))
        return 3 if os.getsid(0) == os.getpid() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else 4

    former = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert status_of(run) == (3, b"superd: front")
    finally:
        signal.signal(signal.SIGTERM, former)


def test_what_the_master_alone_may_hold_is_closed_before_the_front_runs() -> None:
    closed: list[int] = []
    assert status_of(lambda order, channel: len(closed), lambda: closed.append(1))[0] == 1
    assert closed == []  # in the front alone


@pytest.mark.parametrize("problem", [RuntimeError("a fault"), SystemExit(0), KeyboardInterrupt()])
def test_every_exception_ends_the_front_with_its_traceback(problem: BaseException, capfd: pytest.CaptureFixture[str]) -> None:
    def run(order: Begin, channel: socket.socket) -> int:
        raise problem

    assert status_of(run)[0] == EX_SOFTWARE
    assert type(problem).__name__ in capfd.readouterr().err


def test_the_masters_objects_are_collected_again_whether_there_was_room_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    status_of(lambda order, channel: 0)
    assert gc.get_freeze_count() == 0

    def no_room() -> int:
        raise BlockingIOError(11, "no room")

    monkeypatch.setattr(os, "fork", no_room)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(BlockingIOError):
        fork_front(lambda order, channel: 0, FIRST, ours, theirs, lambda: None)
    assert gc.get_freeze_count() == 0
