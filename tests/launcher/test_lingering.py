"""Programs that do not read what their client sends: the client gets their answer all the same, and no reset."""

from __future__ import annotations

import select
import socket
import time

import pytest

from superd.ipc import launch_codec as messages
from superd.launcher.lingering import (
    KEEP_SECONDS,
    LEARN,
    LINGER_SECONDS,
    MAX_COPIES,
    MOST_UNREAD,
    REMEMBER,
    SAMPLE,
    Copies,
    Habit,
)
from tests.launcher_process import connection, real_launcher

REQUEST = b"OPTIONS / HTTP/1.0\r\n\r\n"


def all_of(client: socket.socket) -> bytes:
    """Everything up to the end of file; a reset raises."""
    found = b""
    while piece := client.recv(65536):
        found += piece
    return found


def test_an_answer_arrives_whole_though_the_program_never_read_the_request() -> None:
    with real_launcher() as launcher:
        launcher.service("check", "/bin/sh", "-c", "printf 'HTTP/1.0 200 OK'")
        for _ in range(LEARN):
            with connection() as (client, accepted):
                client.sendall(REQUEST)
                launcher.launch("check", accepted)
                launcher.report(messages.Exited)
                # The client is slow: it reads when the program has long ended.
                assert all_of(client) == b"HTTP/1.0 200 OK"
                client.sendall(b"more")  # no reset: the launcher still reads away


def test_without_a_copy_the_client_gets_a_reset() -> None:
    # What the test above would see without lingering: this is the kernel's behaviour that it holds off.
    with connection() as (client, accepted):
        client.sendall(REQUEST)
        with socket.socket(fileno=accepted) as server:
            select.select([server], [], [])
            server.send(b"answer")
        with pytest.raises(ConnectionResetError):
            while True:
                client.send(b"more")


def test_a_program_that_closes_its_connection_and_runs_on_does_not_hold_its_client_for_long() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("closes", "/bin/sh", "-c", "exec <&- >&- 2>&-; exec sleep 1000", grace=0.0)
        conn = launcher.launch("closes", accepted)
        client.settimeout(KEEP_SECONDS + 5)
        assert client.recv(1) == b""
        launcher.ask(messages.Signal(conn, 9))
        launcher.report(messages.Exited)


def test_a_habit_is_learnt_remembered_and_looked_at_again() -> None:
    habit = Habit()
    assert [habit.wants_copy() for _ in range(LEARN)] == [True] * LEARN
    later = [habit.wants_copy() for _ in range(4 * SAMPLE)]
    assert sum(later) == 4
    habit.left_unread()
    assert all(habit.wants_copy() for _ in range(REMEMBER))


def kept(copies: Copies, pid: int, now: float, *, to_the_end: bool = False) -> socket.socket:
    """The client of a connection that is kept for ``pid``."""
    with connection() as (client, accepted):
        copies.keep(pid, socket.socket(fileno=accepted), now, to_the_end=to_the_end)
        return socket.socket(fileno=client.detach())


def test_a_connection_whose_program_left_nothing_unread_is_closed_at_once() -> None:
    copies = Copies(select.poll())
    with kept(copies, 1, 0.0) as client:
        assert not copies.ended(1, alone=True, now=1.0)
        client.settimeout(5)
        assert client.recv(1) == b""
    assert not copies


def test_a_connection_that_another_process_may_still_use_is_not_ended() -> None:
    copies = Copies(select.poll())
    with connection() as (client, accepted), socket.socket(fileno=accepted) as other:
        client.sendall(b"unread")
        select.select([other], [], [])
        copies.keep(1, other.dup(), 0.0, to_the_end=False)
        assert not copies.ended(1, alone=False, now=1.0)
        assert not copies
        assert other.recv(16) == b"unread"
        other.sendall(b"answer")
        assert client.recv(16) == b"answer"


def test_lingering_ends_with_the_client_with_time_and_with_too_many_bytes() -> None:
    for how in ("client", "time", "bytes"):
        poll = select.poll()
        copies = Copies(poll)
        with connection() as (client, accepted), socket.socket(fileno=accepted) as server:
            client.sendall(b"unread")
            select.select([server], [], [])
            copies.keep(1, socket.socket(fileno=server.detach()), 0.0, to_the_end=False)
            assert copies.ended(1, alone=True, now=10.0)
            assert client.recv(1) == b""
            match how:
                case "client":
                    client.close()
                    while copies:
                        for fd, _ in poll.poll(5000):
                            assert copies.on_ready(fd)
                case "time":
                    assert copies.due == 10.0 + LINGER_SECONDS
                    copies.on_time(copies.due)
                case "bytes":
                    client.setblocking(False)
                    sent = 0
                    while copies:
                        try:
                            sent += client.send(bytes(65536))
                        except (BlockingIOError, ConnectionError):
                            pass
                        for fd, _ in poll.poll(0):
                            copies.on_ready(fd)
                    assert sent >= MOST_UNREAD
            assert not copies
            assert copies.due == float("inf")


def test_a_running_program_s_copy_is_let_go_in_time_but_not_while_it_lingers() -> None:
    copies = Copies(select.poll())
    with kept(copies, 1, 0.0) as one, kept(copies, 2, 0.0, to_the_end=True) as two:
        assert copies.due == KEEP_SECONDS
        copies.on_time(KEEP_SECONDS)
        one.settimeout(5)
        assert one.recv(1) == b""
        copies.on_time(time.monotonic() + 1e9)
        assert copies
        copies.ended(2, alone=True, now=0.0)
        assert two.recv(1) == b""


def test_there_is_a_bound_on_copies() -> None:
    copies = Copies(select.poll())
    clients = [kept(copies, pid, 0.0) for pid in range(MAX_COPIES)]
    assert copies.full
    for pid, client in enumerate(clients):
        copies.ended(pid, alone=True, now=0.0)
        client.close()
    assert not copies.full
