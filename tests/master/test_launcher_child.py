"""A launcher as the master has it: real processes, that start, complain, stand still and die."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator

import pytest

from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import send_with
from superd.ipc.launcher_control import BROKEN
from superd.ipc.message_pair import message_pair
from superd.launch_spec import Profile
from superd.master import launcher_child
from superd.master.launcher_child import LauncherProcess, outlive_all, start_launcher
from superd.system.process_state import state_of
from tests.daemon_process import WAIT
from tests.launcher_process import connection, real_launcher
from tests.needs import needs_root


def wait_for_end(process: LauncherProcess) -> int:
    """Close it and return its wait(2) status."""
    ended = os.pidfd_open(process.pid)
    process.close()
    assert select.select([ended], [], [], WAIT)[0]
    os.close(ended)
    return os.waitpid(process.pid, 0)[1]


@pytest.fixture
def launcher() -> Iterator[LauncherProcess]:
    process = start_launcher(Profile(), user="web")
    process.configure({}, {})
    yield process
    if state_of(process.pid):
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)


def test_it_ends_without_an_error_when_its_control_socket_closes(launcher: LauncherProcess) -> None:
    assert wait_for_end(launcher) == 0


def test_a_launcher_that_cannot_become_its_profile_exits_with_77() -> None:
    needs_root()
    process = start_launcher(Profile(uid=(1 << 32) - 1, gid=12345))  # which setresuid(2) takes for "as it is"
    assert os.waitstatus_to_exitcode(wait_for_end(process)) == 77


def test_what_runs_is_in_the_table_that_it_writes() -> None:
    with real_launcher() as launcher, connection() as (client, fd):
        # What is left at its end reads from the client too. The launcher looks for it, says that it stays, and is done with it.
        launcher.service("cat", "/bin/sh", "-c", "exec 3<&0; read line; cat <&3 >/dev/null &")
        launcher.launch("cat", fd)
        launcher.report(messages.Started)
        (entry,) = launcher.process.programs()
        assert entry.pid > 0
        client.send(b"\n")
        launcher.report(messages.Exited)
        assert launcher.report(messages.Kept).count == 1
        assert launcher.process.programs() == []


def test_a_front_that_breaks_the_protocol_is_complained_of() -> None:
    with real_launcher() as launcher:
        launcher.front.send(b"\xff not a message")
        assert select.select([launcher.process.control], [], [], WAIT)[0]
        complaint = launcher.process.complaint()
        assert complaint is not None
        assert complaint[0] == BROKEN
        assert launcher.process.complaint() in ((b"", ""), None)


def test_a_stop_is_seen_and_a_kill_ends_it(launcher: LauncherProcess) -> None:
    assert not launcher.stands_still()
    os.kill(launcher.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, launcher.pid, os.WSTOPPED | os.WNOWAIT)
    assert launcher.stands_still()
    launcher.kill()
    assert os.waitpid(launcher.pid, 0)[1] == signal.SIGKILL
    launcher.close()


def test_a_launcher_that_reads_nothing_is_killed_and_stops_no_master(launcher: LauncherProcess) -> None:
    os.kill(launcher.pid, signal.SIGSTOP)
    ended = os.pidfd_open(launcher.pid)
    for _ in range(10_000):
        launcher.configure({}, {})
        if select.select([ended], [], [], 0)[0]:
            break
    os.close(ended)
    assert os.waitpid(launcher.pid, 0)[1] == signal.SIGKILL
    launcher.close()


def test_orders_for_a_launcher_that_died_are_not_error(launcher: LauncherProcess) -> None:
    launcher.kill()
    os.waitpid(launcher.pid, 0)
    launcher.configure({"x": {}}, {})
    front, end = message_pair()
    launcher.give_front(end)
    assert launcher.complaint() is None
    front.close()
    end.close()
    launcher.close()


def test_a_start_that_fails_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*arguments: object) -> int:
        raise BlockingIOError(11, "no room")

    wait_for_end(start_launcher(Profile()))  # whatever is made once, is made
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(launcher_child, "_spawn", lambda: no_room)
    with pytest.raises(BlockingIOError):
        start_launcher(Profile())
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_pair_keeps_requests_while_no_launcher_runs() -> None:
    front, end = message_pair()
    with front, end, connection() as (client, fd):
        send_with(front, b"request", (fd,))
        os.close(fd)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)  # still open: the descriptor waits in the pair
        front.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            while True:
                sent += front.send(bytes(1000))
        assert sent >= 200_000


def test_a_launcher_says_that_it_outlives_its_master() -> None:
    process = start_launcher(Profile())
    process.outlive(0.1)
    assert process.outlives(20)
    assert not process.outlives(0.01)  # it says so once
    process.control.close()
    assert os.waitpid(process.pid, 0)[1] == 0
    os.close(process.table)


def test_a_launcher_that_does_not_say_that_it_outlives_its_master_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_child, "OUTLIVE_SECONDS", 0.2)
    lines: list[str] = []

    class Log:
        def message(self, level: str, text: str) -> None:
            lines.append(f"{level}: {text}")

    ready, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent = LauncherProcess(4711, ours)
    living = start_launcher(Profile())
    with ready:
        outlive_all([living, silent], 0.1, Log())  # type: ignore[arg-type]
        assert lines == ["warning: the launcher (pid 4711) does not answer; it and its programs end with this superd"]
        silent.close()
        assert wait_for_end(living) == 0
