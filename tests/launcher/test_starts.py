"""Starts of programs: what is started, what is refused with which reason, and what is tried again."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from superd.errors import ControlError
from superd.ipc import launch_codec as messages
from superd.ipc.running_table import read_table
from superd.launcher import retries
from superd.launcher.starts import Starts
from tests.launcher.parts import Parts, launcher_parts, service
from tests.launcher_process import connection, real_launcher

CAT = service("/bin/cat")
GROUPED = service("/bin/cat", group="limits")


@contextmanager
def pair() -> Iterator[tuple[socket.socket, int]]:
    """A connection that is not TCP: the client's end, and the descriptor that the start takes over."""
    client, ours = socket.socketpair()
    with client:
        yield client, ours.detach()


def closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError as problem:
        return problem.errno == errno.EBADF
    return False


def refuse_starts(parts: Parts, monkeypatch: pytest.MonkeyPatch, *problems: Exception) -> None:
    """Let the next starts fail with these, as the kernel would."""
    waiting = list(problems)
    start = parts.programs.start

    def failing(*arguments: object, **more: object) -> tuple[int, int]:
        if waiting:
            raise waiting.pop(0)
        return start(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.programs, "start", failing)


def test_a_program_is_started_once_reported_and_written_down() -> None:
    with launcher_parts(cat=CAT) as parts, pair() as (client, fd):
        assert parts.launch(7, "cat", fd)
        [started] = parts.reports(messages.Started)
        assert started.conn == 7
        [entry] = read_table(parts.memory)
        assert (entry.pid, entry.conn, entry.source) == (started.pid, 7, "192.0.2.7")
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(16) == b"hello"


def test_a_service_that_the_master_just_added_is_started() -> None:
    with launcher_parts() as parts, pair() as (_, fd):
        parts.orders.append({"new": CAT})
        assert parts.launch(1, "new", fd)
        assert parts.reports(messages.Started)


def test_a_service_that_the_launcher_does_not_have_is_reported_and_its_connection_closed() -> None:
    with launcher_parts() as parts, pair() as (_, fd):
        assert parts.launch(1, "other", fd)
        assert parts.reports(messages.Failed) == [messages.Failed(1, errno.ENOENT, "service other")]
        assert closed(fd)


def test_without_a_master_the_connection_is_closed_and_the_launcher_has_to_end() -> None:
    with launcher_parts() as parts, pair() as (_, fd):
        parts.master_lives = False
        assert not parts.launch(1, "other", fd)
        assert closed(fd)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_a_start_without_room_is_tried_again_until_it_succeeds(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with launcher_parts(cat=CAT) as parts, pair() as (_, fd):
        refuse_starts(parts, monkeypatch, OSError(number, "full"), OSError(number, "full"))
        assert parts.launch(1, "cat", fd)
        assert parts.all_reports() == []
        assert list(read_table(parts.memory)) == []
        assert parts.starts.waiting.due == 100 + retries.FIRST
        parts.starts.list()
        assert parts.reports(messages.Living) == [messages.Living(1, "cat", 0, "192.0.2.7", 100.0)]
        parts.starts.try_again(100 + retries.FIRST)
        assert parts.starts.waiting.due == pytest.approx(100 + 3 * retries.FIRST)
        parts.starts.try_again(101.0)
        assert len(parts.reports(messages.Started)) == 1
        assert len(parts.starts.waiting) == 0


def test_a_start_that_never_finds_room_is_reported_at_its_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    with launcher_parts(cat=CAT) as parts, pair() as (_, fd):
        refuse_starts(parts, monkeypatch, *[OSError(errno.EAGAIN, "full")] * 2)
        parts.launch(1, "cat", fd)
        parts.starts.try_again(100 + retries.TOTAL)
        assert parts.reports(messages.Failed) == [messages.Failed(1, errno.EAGAIN, "/bin/cat")]
        assert closed(fd)


@pytest.mark.parametrize(("problem", "number"), [(OSError(errno.EACCES, "no"), errno.EACCES), (ValueError("NUL"), errno.EINVAL)])
def test_a_start_that_cannot_succeed_is_reported_at_once(
    problem: Exception, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with launcher_parts(cat=CAT) as parts, pair() as (_, fd):
        refuse_starts(parts, monkeypatch, problem)
        assert parts.launch(1, "cat", fd)
        assert parts.reports(messages.Failed) == [messages.Failed(1, number, "/bin/cat")]
        assert closed(fd)
        assert list(read_table(parts.memory)) == []


def test_a_request_that_no_front_sends_is_the_callers_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    with launcher_parts(cat=CAT) as parts, pair() as (_, fd), pair() as (_, second):
        refuse_starts(parts, monkeypatch, ControlError("a wrong field"))
        with pytest.raises(ControlError, match="a wrong field"):
            parts.launch(1, "cat", fd)
        assert closed(fd)
        # One of those that wait: what was due after it is not lost.
        for number, one in ((2, second), (3, os.dup(second))):
            refuse_starts(parts, monkeypatch, OSError(errno.EAGAIN, "full"))
            parts.launch(number, "cat", one)
        refuse_starts(parts, monkeypatch, ControlError("a wrong field"))
        with pytest.raises(ControlError):
            parts.starts.try_again(101.0)
        assert [entry.request.conn for entry in parts.starts.waiting] == [3]
        parts.starts.give_up(3)


def test_a_program_waits_for_a_group_and_is_given_up_when_the_master_makes_none() -> None:
    """An upgrade on a busy machine took ten seconds, and clients were refused who came as the master went."""
    with launcher_parts(cat=GROUPED) as parts, pair() as (_, fd):
        assert parts.launch(1, "cat", fd)
        parts.starts.try_again(100 + 2 * retries.TOTAL)
        assert len(parts.starts.waiting) == 1
        parts.starts.try_again(100 + retries.GROUP_TOTAL)
        assert parts.reports(messages.Failed) == [messages.Failed(1, errno.EAGAIN, "/bin/cat")]
        assert closed(fd)


def test_the_front_can_take_back_a_launch_that_waits_and_no_other() -> None:
    with launcher_parts(cat=GROUPED) as parts, pair() as (_, fd):
        parts.launch(1, "cat", fd)
        parts.starts.give_up(2)
        assert not closed(fd)
        parts.starts.give_up(1)
        assert parts.reports(messages.Failed) == [messages.Failed(1, errno.ETIMEDOUT, "superd's launcher")]
        assert closed(fd)


def test_starts_keep_no_more_launches_than_their_limit() -> None:
    with launcher_parts(cat=GROUPED) as parts, pair() as (_, fd):
        starts: Starts = parts.starts
        for number in range(retries.MOST):
            assert not starts.waiting.full
            parts.launch(number, "cat", os.dup(fd))
        assert starts.waiting.full
        os.close(fd)
        for number in range(retries.MOST):
            starts.give_up(number)


# ---------------------------------------------------------------------------------------------------- in a real launcher


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
