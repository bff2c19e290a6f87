"""Clients' sockets that wait for their program's ends: each goes to a relay once, or is closed."""

from __future__ import annotations

import os
import socket

import pytest

from superd.front.sessions.live import SERVED
from superd.ipc.launch_codec import Stdio
from superd.ipc.relay_messages import PIPE, PTY
from tests.front.programs.parts import Parts


def pipe_end() -> int:
    read, write = os.pipe()
    os.close(write)
    return read


@pytest.mark.parametrize(("stdio", "ends", "mode"), [("pipe", ["out", "in"], PIPE), ("pty", ["tty"], PTY)])
def test_all_ends_of_a_program_go_to_a_relay_with_its_client(stdio: str, ends: list[str], mode: int) -> None:
    parts = Parts("cat", stdio=stdio)
    session = parts.session("cat")
    session.launcher = 0
    client, ours = socket.socketpair()
    with client:
        fd = ours.detach()
        instead = parts.stdio.hold(session, fd)
        assert os.path.samestat(os.fstat(instead), os.stat("/dev/null"))
        os.close(instead)
        for end in ends:
            assert parts.carried == []
            parts.stdio.take(0, Stdio(session.record.conn, end), pipe_end())
        ((carried, found, fds),) = parts.carried
        assert (carried, found, fds[0], len(fds)) == (session, mode, fd, 1 + len(ends))
        parts.book.over(session, SERVED)  # they are the relay's
        for each in fds:
            os.close(each)


def test_ends_of_anything_else_are_closed() -> None:
    parts = Parts("cat", stdio="pipe")
    session = parts.session("cat")
    session.launcher = 0
    client, ours = socket.socketpair()
    with client:
        os.close(parts.stdio.hold(session, ours.detach()))
        before = len(os.listdir("/proc/self/fd"))
        for number, conn, end in ((1, session.record.conn, "in"), (0, 4711, "in"), (0, session.record.conn, "tty")):
            parts.stdio.take(number, Stdio(conn, end), pipe_end())
        parts.stdio.take(0, Stdio(session.record.conn, "in"), pipe_end())
        parts.stdio.take(0, Stdio(session.record.conn, "in"), pipe_end())
        assert len(os.listdir("/proc/self/fd")) == before + 1
        parts.book.over(session, SERVED)
        assert client.recv(1) == b""
        assert len(os.listdir("/proc/self/fd")) == before - 1
    assert parts.carried == []
