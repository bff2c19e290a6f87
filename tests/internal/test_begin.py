"""What internal services do with a new connection before there is a task for it: nothing is lost, nothing is waited for."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import BEGIN


def said(sock: socket.socket) -> bytes:
    """All that has come by now."""
    found = b""
    sock.setblocking(False)
    try:
        while piece := sock.recv(65536):
            found += piece
    except BlockingIOError:
        pass
    return found


@given(data=st.binary(max_size=300).map(lambda word: word * 40), ended=st.booleans())
def test_echo_keeps_the_order_of_every_byte(data: bytes, ended: bool) -> None:
    client, ours = socket.socketpair()
    with client, ours:
        client.sendall(data)
        if ended:
            client.shutdown(socket.SHUT_WR)
        rest = BEGIN["echo"](ours)
        if rest is None:
            assert ended
            assert said(client) == data
        else:
            assert said(client) + rest + said(ours) == data


def test_echo_returns_what_the_client_does_not_take() -> None:
    client, ours = socket.socketpair()
    with client, ours:
        ours.setblocking(False)
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass  # nothing more fits into what the client does not read
        client.sendall(b"hello")
        assert BEGIN["echo"](ours) == b"hello"


@given(size=st.integers(0, 100_000), ended=st.booleans())
def test_discard_ends_with_its_client_and_not_before(size: int, ended: bool) -> None:
    client, ours = socket.socketpair()
    with client, ours:
        client.sendall(bytes(size))
        if ended:
            client.shutdown(socket.SHUT_WR)
        assert BEGIN["discard"](ours) == (None if ended else b"")
        assert said(client) == b""
