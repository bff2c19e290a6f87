"""A launcher ends what programs of an earlier launcher have left: the master's children, for which this process stands."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from superd.ipc.launcher_control import Bequeathed, Bequest
from tests.daemon_process import WAIT
from tests.launcher_process import RealLauncher, real_launcher

SLEEP = "import sys, time; print(flush=True); time.sleep(1000)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
CLIENT = {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "4711"}


@contextmanager
def left(code: str = SLEEP, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a session of its own, as a program's daemon has."""
    command = [sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def program(
    pid: int = 1 << 21, service: str = "forks", port: int = 4711, started: float = 0.0, *, over: bool = True
) -> Bequeathed:
    return Bequeathed(pid, service, "192.0.2.1", port, started, over=over)


def launcher_with(launcher: RealLauncher, grace: float) -> None:
    launcher.service("forks", "/bin/true", grace=grace)


def test_what_has_the_client_or_the_session_of_a_program_that_is_over_is_ended() -> None:
    with real_launcher() as launcher, left(**CLIENT) as client, left() as session:
        launcher_with(launcher, 5.0)
        launcher.process.bequeath(Bequest([client.pid, session.pid], [program(), program(session.pid, port=1)]))
        assert client.wait(WAIT) == session.wait(WAIT) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("grace", "known"),
    [
        (5.0, program(over=False)), (5.0, program(port=4712)), (5.0, program(service="unknown")), (-1.0, program()),
        (5.0, program(0, started=1e9)),
    ],
    ids=["its program runs", "of another client", "of an unknown service", "its service keeps it", "older than its program"],
)  # fmt: skip
def test_all_else_is_left_alone(grace: float, known: Bequeathed) -> None:
    with real_launcher() as launcher, left(**CLIENT) as kept, left(**CLIENT | {"REMOTE_PORT": "9"}) as ended:
        launcher_with(launcher, max(grace, 0.0))
        launcher.service("keeps", "/bin/true", grace=grace)
        if grace < 0:
            known = program(service="keeps")
        launcher.process.bequeath(Bequest([kept.pid, ended.pid], [known, program(port=9)]))
        ended.wait(WAIT)  # it is the later one of the two
        assert kept.poll() is None


@pytest.mark.parametrize("grace", [5.0, -1.0], ids=["ends", "keeps"])
def test_a_program_that_was_just_being_started_is_ended(grace: float) -> None:
    before = time.monotonic()
    with real_launcher() as launcher, left(**CLIENT) as started:
        launcher.service("forks", "/bin/true", grace=grace)
        launcher.process.bequeath(Bequest([started.pid], [program(0, started=before)]))
        assert started.wait(WAIT) in (-signal.SIGTERM, -signal.SIGKILL)


def test_a_process_of_another_parent_is_left_alone() -> None:
    fork = "import os, signal; child = os.fork() or signal.pause(); print(child, flush=True); signal.pause()"
    command = [sys.executable, "-I", "-S", "-c", fork]
    with (
        real_launcher() as launcher,
        subprocess.Popen(command, env=CLIENT, stdout=subprocess.PIPE, start_new_session=True) as parent,
        left(**CLIENT | {"REMOTE_PORT": "9"}) as ended,
    ):
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        launcher_with(launcher, 5.0)
        launcher.process.bequeath(Bequest([child, ended.pid], [program(), program(port=9)]))
        ended.wait(WAIT)
        os.kill(child, 0)
        os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.parametrize("grace", [0.1, 1000.0], ids=["after its grace", "when the launcher ends"])
def test_what_ignores_sigterm_is_killed(grace: float) -> None:
    with left(DEAF, **CLIENT) as deaf, left(**CLIENT) as other:
        with real_launcher() as launcher:
            launcher_with(launcher, grace)
            launcher.process.bequeath(Bequest([deaf.pid, other.pid], [program()]))
            other.wait(WAIT)
            pidfd = os.pidfd_open(deaf.pid)
            assert bool(select.select([pidfd], [], [], WAIT if grace < 1 else 0)[0]) == (grace < 1)
        assert deaf.wait(WAIT) == -signal.SIGKILL
        os.close(pidfd)


def test_the_group_of_a_program_ends_with_what_is_left_of_it() -> None:
    fork = "import os, signal; print(os.fork() or signal.pause(), flush=True); signal.pause()"
    command = [sys.executable, "-I", "-S", "-c", fork]
    with (
        real_launcher() as launcher,
        subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader,
    ):
        assert leader.stdout is not None
        member = os.pidfd_open(int(leader.stdout.readline()))
        launcher_with(launcher, 5.0)
        launcher.process.bequeath(Bequest([leader.pid], [program(leader.pid)]))
        assert select.select([member], [], [], WAIT)[0]
        os.close(member)
