"""A launcher as a process: what it starts, what it refuses to start, and what it cannot be stopped by."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
from contextlib import ExitStack
from pathlib import Path

from superd.ipc import launch_codec as messages
from superd.ipc.running_table import read_table
from superd.master.launcher_child import request_pair
from tests.launcher_process import connection, real_launcher


def test_no_program_is_started_for_a_client_that_reset_its_connection() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("cat", "/bin/cat")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        launcher.launch("cat", accepted)
        failed = launcher.report(messages.Failed)
        assert failed.errno == errno.ECONNRESET
        assert list(read_table(launcher.process.table)) == []


def test_a_client_that_only_ended_its_side_is_served() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("cat", "/bin/cat")
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        launcher.launch("cat", accepted)
        assert launcher.report(messages.Exited).status == 0
        assert client.recv(16) == b"hello"


def lingering_and_unread(accepted: int) -> None:
    """Make close(2) of this connection wait for half a minute: its client does not read."""
    with socket.socket(fileno=os.dup(accepted)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
        sock.setblocking(False)
        try:
            while True:
                sock.send(bytes(65536))
        except BlockingIOError:
            pass


def test_a_descriptor_of_a_message_that_is_refused_is_closed_without_waiting() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("cat", "/bin/cat")
        lingering_and_unread(accepted)
        socket.send_fds(launcher.front, [b"[]"], [accepted])
        os.close(accepted)
        front, end = request_pair()
        with front, end:
            # It answers the next front within a moment, not after half a minute.
            launcher.process.give_front(end)
            front.settimeout(5)
            front.send(messages.batch([messages.encode_request(messages.List(7))]))
            found: list[messages.Report] = []
            while messages.Listed(7) not in found:
                found += messages.parse_reports(front.recv(65536))


def test_a_program_that_does_not_exist_leaves_its_connection_closed_without_waiting() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("gone", "/nowhere/gone")
        launcher.service("true", "/bin/true")
        lingering_and_unread(accepted)
        launcher.launch("gone", accepted)
        launcher.front.settimeout(5)
        assert launcher.report(messages.Failed).errno == errno.ENOENT


def test_a_program_that_lingers_on_its_socket_and_ends_at_once_does_not_hold_the_launcher_up() -> None:
    with real_launcher() as launcher, connection() as (_, accepted):
        launcher.service("true", "/bin/true")
        lingering_and_unread(accepted)
        launcher.launch("true", accepted)
        launcher.front.settimeout(5)
        assert launcher.report(messages.Exited).status == 0
        launcher.ask(messages.List(1))
        assert launcher.report(messages.Listed).number == 1


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
        assert (entry.pid, entry.conn, entry.index, entry.source, entry.started) == (
            pid,
            conn,
            0,
            "127.0.0.1",
            living.started,
        ) or (abs(entry.started - living.started) < 1e-3)
        client.shutdown(socket.SHUT_WR)
        launcher.report(messages.Exited)
        assert list(read_table(launcher.process.table)) == []


def test_a_signal_reaches_the_whole_group_of_a_connection() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("sleep", "/bin/sh", "-c", "sleep 1000 & sleep 1000")
        conn = launcher.launch("sleep", accepted)
        launcher.report(messages.Started)
        launcher.ask(messages.Signal(conn, signal.SIGTERM))
        assert os.WTERMSIG(launcher.report(messages.Exited).status) == signal.SIGTERM
        assert client.recv(1) == b""


def test_what_the_master_changed_before_a_request_counts_for_it_though_earlier_ones_take_their_time() -> None:
    """A client that came after a reload got the program of before, when the launcher had been busy meanwhile."""
    with real_launcher() as launcher, ExitStack() as stack:
        launcher.service("busy", "/bin/cat")
        launcher.service("changed", "/bin/echo", "before")
        others = [stack.enter_context(connection())[1] for _ in range(32)]
        client, accepted = stack.enter_context(connection())
        launcher.ask(messages.List(1))
        launcher.report(messages.Listed)
        launcher.launch("busy", *others)
        while not launcher.process.programs():
            pass  # it sleeps still
        launcher.service("changed", "/bin/echo", "after")
        launcher.launch("changed", accepted)
        assert client.recv(16) == b"after\n"
