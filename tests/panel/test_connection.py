"""Messages of one client, whole or in pieces."""

from __future__ import annotations

import socket

import pytest

from superd.panel.connection import Connection
from superd.wire.varlink import MAX_CALL


@pytest.fixture
def pair() -> object:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    connection = Connection(ours, 0, may_look=True, may_change=True, deadline=0.0)
    with ours, theirs:
        yield connection, theirs


Pair = tuple[Connection, socket.socket]


def test_messages_come_whole_however_they_are_cut(pair: Pair) -> None:
    connection, client = pair
    for piece in (b"on", b"e\0tw", b"o\0"):
        client.sendall(piece)
        assert connection.receive()
    assert [connection.message(), connection.message(), connection.message()] == [b"one", b"two", None]
    assert not connection.begun


def test_the_end_of_the_client_is_seen_after_its_last_message(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"one\0")
    client.close()
    assert not connection.receive()
    assert connection.message() == b"one"


def test_a_message_without_end_is_refused_and_bounded(pair: Pair) -> None:
    connection, client = pair
    client.settimeout(0)
    for _ in range(100):
        try:
            client.send(b"x" * 65536)
        except BlockingIOError:
            pass
        connection.receive()
    assert connection.full
    assert len(connection._in) <= 3 * MAX_CALL
    with pytest.raises(ValueError, match="too long"):
        connection.message()


def test_what_a_client_does_not_read_waits(pair: Pair) -> None:
    connection, client = pair
    data = bytes(range(256)) * 8192
    connection.send(data)
    assert 0 < connection.waiting_bytes < len(data)
    got = b""
    while len(got) < len(data):
        got += client.recv(65536)
        connection.flush()
    assert got == data
    assert connection.waiting_bytes == 0
