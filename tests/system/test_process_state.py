"""What /proc says of a process, in words."""

from __future__ import annotations

import os
import signal
import subprocess

from superd.system.process_state import describe_state, own_children, own_size, real_user_of, state_of


def test_a_process_that_was_stopped_and_one_that_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert state_of(process.pid) == "T"
        assert describe_state(process.pid) == "it was stopped by a signal"
        process.kill()
    assert state_of(process.pid) == ""
    assert describe_state(process.pid) == "its state is unknown"


def test_a_child_is_one_of_the_own_children_until_it_was_waited_for() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert process.pid in own_children()
        process.kill()
    assert process.pid not in own_children()


def test_this_process_runs() -> None:
    assert describe_state(os.getpid()) == "it runs without a pause"


def test_the_own_size_is_a_few_megabytes_at_least() -> None:
    assert 1 << 20 < own_size() < 1 << 40


def test_the_real_user_is_that_of_the_process_and_none_without_it() -> None:
    assert real_user_of(os.getpid()) == os.getuid()
    assert real_user_of(1 << 30) == -1
