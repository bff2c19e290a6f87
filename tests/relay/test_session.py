"""A session's limits and counts, at times of the test's choosing."""

from __future__ import annotations

import os
import socket

import pytest

from superd.ipc import relay_messages as messages
from superd.relay.session import DRAIN_SECONDS, Endless, Session
from superd.wire.chargen import LINES
from tests.relay_process import carry


def session(mode: int, *fds: int, idle: float = 0.0, session: float = 0.0) -> Session:
    return Session(carry(1, mode, idle=idle, session=session), list(fds), Endless(LINES), 100.0)


def test_limits_are_reached_on_time_and_a_byte_moves_the_idle_one_alone() -> None:
    client, ours = socket.socketpair()
    with client, ours:
        one = session(messages.ECHO, ours.fileno(), idle=10, session=30)
        assert one.due == 110
        assert one.limit_reached(109.9) is None
        client.send(b"x")
        one.pump(one.ways[0], 109.9)
        assert one.limit_reached(110) is None
        assert one.due == pytest.approx(119.9)
        assert one.limit_reached(119.9) == messages.IDLE
        client.send(b"x")
        one.pump(one.ways[0], 119.9)
        assert one.limit_reached(129.8) is None
        assert one.limit_reached(130) == messages.SESSION
        assert one.report(130, messages.SESSION, 0).seconds == 30


def test_without_limits_it_is_never_due() -> None:
    client, ours = socket.socketpair()
    with client:
        one = session(messages.DISCARD, ours.detach())
        assert one.due == float("inf")
        one.close(lambda _: None)
        assert client.recv(1) == b""


def test_a_programs_client_that_still_sends_is_drained_for_a_while() -> None:
    client, ours = socket.socketpair()
    into, out = os.pipe(), os.pipe()
    forgotten: list[int] = []
    with client:
        one = session(messages.PIPE, ours.detach(), into[1], out[0])
        os.write(out[1], b"bye")
        os.close(out[1])
        os.close(into[0])
        client.send(b"question")
        for way in list(one.ways):
            one.pump(way, 101.0)
        assert not one.is_over(101.0)
        assert one.due == 101.0 + DRAIN_SECONDS
        client.send(b"more")
        one.pump(one.ways[0], 101.5)
        assert not one.is_over(101.5)
        assert one.limit_reached(101.0 + DRAIN_SECONDS) == messages.CLIENT
        assert one.report(103.0, messages.CLIENT, 0).sent == 3
        client.shutdown(socket.SHUT_WR)
        one.pump(one.ways[0], 102.0)
        assert one.is_over(102.0)
        one.close(forgotten.append)
    assert {into[1], out[0]} < set(forgotten)


def test_descriptors_of_other_kinds_are_refused() -> None:
    client, ours = socket.socketpair()
    read, write = os.pipe()
    with client, ours:
        for mode, fds in ((messages.ECHO, [read]), (messages.PIPE, [ours.fileno()] * 3), (messages.PTY, [ours.fileno(), read])):
            with pytest.raises(OSError, match="another kind"):
                session(mode, *fds)
    null = os.open("/dev/null", os.O_RDWR)
    with client, socket.socket() as sock, pytest.raises(OSError, match="terminal"):
        session(messages.PTY, sock.fileno(), null)
    for fd in (read, write, null):
        os.close(fd)
