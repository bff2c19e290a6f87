"""The programs of a launcher that run: each is reaped and reported once, signalled as a whole, and listed."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from superd.expansion import Values
from superd.ipc import launch_codec as messages
from superd.ipc.running_table import read_table
from superd.system.program_group import Group
from tests.launcher.parts import launcher_parts, service
from tests.launcher_process import connection, real_launcher


def test_a_program_is_reported_once_with_its_status_and_its_slot_is_free() -> None:
    with launcher_parts(three=service("/bin/sh", "-c", "exit 3")) as parts:
        client, ours = socket.socketpair()
        with client:
            parts.launch(7, "three", ours.detach())
            [started] = parts.reports(messages.Started)
            parts.wait_end(started.pid)
            parts.children.reap()
            [exited] = parts.reports(messages.Exited)
            assert (exited.conn, exited.service, exited.pid) == (7, "three", started.pid)
            assert os.waitstatus_to_exitcode(exited.status) == 3
            assert [(entry.pid, entry.conn) for entry in read_table(parts.memory)] == [(started.pid, 0)]
            parts.leftovers.on_time(parts.leftovers.due, {}, ())
            assert list(read_table(parts.memory)) == []
            assert not parts.children.of_pid
            assert not parts.children.by_conn
            parts.children.reap()
            assert parts.reports(messages.Exited) == []


def test_one_sweep_finds_every_program_and_command_that_ended() -> None:
    with launcher_parts(true=service("/bin/true")) as parts:
        pids = []
        for conn in range(5):
            client, ours = socket.socketpair()
            client.close()
            parts.launch(conn, "true", ours.detach())
            pids += [started.pid for started in parts.reports(messages.Started)]
        parts.programs.configure({"true": service("/bin/true")}, {"d": ["spawn", "exit 4"]}, 0.0)
        parts.commands.start(messages.RunCommand(9, "d", Values(), 5.0), 100.0)
        [command] = parts.commands._running
        for pid in (*pids, command):
            parts.wait_end(pid)
        parts.children.reap()
        found = parts.all_reports()
        assert sorted(report.conn for report in found if isinstance(report, messages.Exited)) == [0, 1, 2, 3, 4]
        assert messages.CommandDone(9, 4) in found


def test_a_connection_without_a_program_cannot_be_signalled() -> None:
    with launcher_parts() as parts:
        assert not parts.children.signal(7, signal.SIGTERM)


def test_a_program_in_a_group_is_ended_with_its_whole_group(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("group")
    folder.joinpath("cgroup.events").write_text("populated 0\n")
    kill = os.open(folder / "cgroup.kill", os.O_RDWR | os.O_CREAT)
    with launcher_parts(sleep=service("/bin/sleep", "600")) as parts:
        client, ours = socket.socketpair()
        with client:
            parts.launch(7, "sleep", ours.detach())
            [started] = parts.reports(messages.Started)
            parts.children.of_pid[started.pid].group = Group(
                3, os.open("/dev/null", os.O_WRONLY), kill, os.open(folder, os.O_PATH)
            )
            assert parts.children.signal(7, signal.SIGKILL)
            assert folder.joinpath("cgroup.kill").read_text() == "1"
            parts.wait_end(started.pid)
            parts.children.reap()
            [exited] = parts.reports(messages.Exited)
            assert not exited.out_of_memory  # the group has no counters: what the kernel said of the program counts
            assert exited.maxrss > 0


# ---------------------------------------------------------------------------------------------------- in a real launcher


def test_what_lives_is_listed_with_its_start_and_written_into_the_table() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("cat", "/bin/cat")
        conn = launcher.launch("cat", accepted)
        pid = launcher.report(messages.Started).pid
        launcher.ask(messages.List(1))
        living = launcher.report(messages.Living)
        assert (living.conn, living.pid, living.source) == (conn, pid, "127.0.0.1")
        born = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        assert abs(living.started - born) < 1
        [entry] = read_table(launcher.process.table)
        assert (entry.pid, entry.conn, entry.index, entry.source, entry.port) == (pid, conn, 0, "127.0.0.1", 1)
        assert abs(entry.started - living.started) < 1e-3
        client.shutdown(socket.SHUT_WR)
        launcher.report(messages.Exited)
        assert [entry.conn for entry in read_table(launcher.process.table)] == [0]  # until the look at what it left


def test_a_signal_reaches_the_whole_group_of_a_connection() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("sleep", "/bin/sh", "-c", "sleep 1000 & sleep 1000")
        conn = launcher.launch("sleep", accepted)
        launcher.report(messages.Started)
        launcher.ask(messages.Signal(conn, signal.SIGTERM))
        assert os.WTERMSIG(launcher.report(messages.Exited).status) == signal.SIGTERM
        assert client.recv(1) == b""
