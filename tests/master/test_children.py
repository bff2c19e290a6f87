"""Sweeps for children: every end is found, stops of superd's own too, and a storm of signals costs little."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from superd.master import children
from superd.master.children import FIRST_PAUSE, LAST_PAUSE, Reaper


def child(code: str) -> int:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
    process.returncode = 0  # reaped here
    return process.pid


def wait_for(pid: int, flags: int) -> None:
    """Until the child is in this state; it stays to be reaped."""
    os.waitid(os.P_PID, pid, flags | os.WNOWAIT)


@pytest.fixture(autouse=True)
def unblocked() -> object:
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))


def test_ends_are_found_with_their_status_and_stops_only_of_own_children() -> None:
    ended = child("import os; os._exit(3)")
    stopped, strange = (child("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)") for _ in range(2))
    wait_for(ended, os.WEXITED)
    for pid in (stopped, strange):
        wait_for(pid, os.WSTOPPED)
    reaper = Reaper()
    found = dict(reaper.sweep((0, stopped), 1.0))
    assert set(found) == {ended, stopped}
    assert os.waitstatus_to_exitcode(found[ended]) == 3
    assert os.WIFSTOPPED(found[stopped])
    assert reaper.due is None
    for pid in (stopped, strange):
        os.kill(pid, signal.SIGKILL)
        wait_for(pid, os.WEXITED)
    assert set(dict(reaper.sweep((stopped,), 2.0))) == {stopped, strange}


def test_sweeps_that_find_nothing_are_made_less_often_and_an_end_resets_that() -> None:
    reaper = Reaper()
    now, pauses = 0.0, []
    for _ in range(10):
        assert list(reaper.sweep((), now)) == []  # a signal asked for it
        assert reaper.due is not None
        assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        pauses.append(round(reaper.due - now, 6))
        now = reaper.due
        assert list(reaper.sweep((), now)) == []  # the pause is over
        assert reaper.due is None  # nothing wakes the master until the next signal
        assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LAST_PAUSE
    pid = child("")
    wait_for(pid, os.WEXITED)
    assert [found for found, _ in reaper.sweep((), now)] == [pid]
    assert reaper.due is None
    assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_sweep_is_bounded_and_the_next_follows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MOST", 2)
    pids = {child("") for _ in range(3)}
    for pid in pids:
        wait_for(pid, os.WEXITED)
    reaper = Reaper()
    first = {pid for pid, _ in reaper.sweep((), 7.0)}
    assert (len(first), reaper.due) == (2, 7.0)
    assert first | {pid for pid, _ in reaper.sweep((), 7.0)} == pids
