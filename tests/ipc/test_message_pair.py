"""The pair between two processes: whole messages, and room for a few hundred of them."""

from __future__ import annotations

import socket

import pytest

from superd.ipc.message_pair import BUFFER, message_pair


def test_messages_arrive_whole_and_in_both_directions() -> None:
    ours, theirs = message_pair()
    with ours, theirs:
        for one, other in ((ours, theirs), (theirs, ours)):
            one.send(b"first")
            one.send(b"second")
            assert (other.recv(100), other.recv(100)) == (b"first", b"second")


def test_requests_wait_in_the_pair_before_the_sender_is_pushed_back() -> None:
    ours, theirs = message_pair()
    with ours, theirs:
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= min(BUFFER, 212_992)
        ours.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            while True:
                sent += ours.send(bytes(1000))
        assert sent >= 200_000
