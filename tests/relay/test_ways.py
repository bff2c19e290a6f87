"""Ways of sockets, pumped by hand: what flows, what is held back, what ends them, and that no pipe is shared by two sessions."""

from __future__ import annotations

import mmap
import os
import select
import socket
from collections.abc import Iterator

import pytest

from superd.relay import ways
from tests.relay_process import WAIT, tcp_pair

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def left() -> Iterator[Pair]:
    """A client and our end of its connection."""
    client, ours = tcp_pair()
    client.settimeout(WAIT)
    ours.setblocking(False)
    with client, ours:
        yield client, ours


def readable(sock: socket.socket) -> None:
    assert select.select([sock], [], [], WAIT)[0]


def test_bytes_and_the_end_flow_through_and_a_silent_way_has_no_pipe(left: Pair) -> None:
    target, far = socket.socketpair()
    with target, far:
        way = ways.Splice(left[1].fileno(), target.fileno(), resend=False)
        assert not way.pump()
        assert way._pipe is None
        left[0].sendall(b"hello")
        readable(left[1])
        assert not way.pump()
        assert far.recv(100) == b"hello"
        assert (way.passed, way.done, way._pipe) == (5, False, None)
        left[0].shutdown(socket.SHUT_WR)
        readable(left[1])
        way.pump()
        assert way.done
        assert far.recv(100) == b""


def test_a_target_that_takes_nothing_holds_the_bytes_and_says_when_to_go_on(left: Pair) -> None:
    target, far = socket.socketpair()
    with target, far:
        target.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                target.send(bytes(65536))
        way = ways.Splice(left[1].fileno(), target.fileno(), resend=False)
        left[0].sendall(b"hello")
        readable(left[1])
        assert not way.pump()
        assert way.passed == 0
        assert way.wants(target.fileno(), select.EPOLLOUT)
        assert not way.wants(left[1].fileno(), select.EPOLLIN)
        way.close()


def test_a_broken_target_is_an_error(left: Pair) -> None:
    target, far = socket.socketpair()
    far.close()
    with target:
        way = ways.Splice(left[1].fileno(), target.fileno(), resend=False)
        left[0].sendall(b"hello")
        readable(left[1])
        with pytest.raises(BrokenPipeError):
            way.pump()
        way.close()


def test_discard_counts_what_it_throws_away_and_stops_at_its_limit(left: Pair) -> None:
    sink = memoryview(mmap.mmap(-1, ways.CHUNK))
    way = ways.Discard(left[1].fileno(), sink, most=8)
    left[0].sendall(b"four")
    readable(left[1])
    assert not way.pump()
    assert (way.passed, way.done) == (4, False)
    left[0].sendall(b"eight")
    readable(left[1])
    way.pump()
    assert way.done
    assert way.passed >= 8
    way.close()


def test_chargen_goes_round_and_waits_for_a_client_that_does_not_read(left: Pair) -> None:
    memory = os.memfd_create("lines")
    os.write(memory, b"abc")
    way = ways.Chargen(left[1].fileno(), memory, 3)
    while way.pump():
        pass
    assert way.passed > 3
    assert left[0].recv(9, socket.MSG_WAITALL) == b"abcabcabc"
    way.close()
    os.close(memory)


def test_pipes_are_used_again_and_one_with_bytes_in_it_never_is() -> None:
    ways._spare.clear()
    first = ways.take_pipe()
    ways.give_pipe(first, empty=True)
    assert ways.take_pipe() == first
    os.write(first[1], b"another's")
    ways.give_pipe(first, empty=False)
    assert ways._spare == []
    many = [ways.take_pipe() for _ in range(2 * ways.SPARE)]
    for pipe in many:
        ways.give_pipe(pipe, empty=True)
    assert len(ways._spare) == ways.SPARE
    while ways._spare:
        ways._spare.pop()
