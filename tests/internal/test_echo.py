"""echo: every byte goes back, in order, without waiting; nothing is lost when the client does not take it."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import echo
from tests.internal.client import received


@given(data=st.binary(max_size=300).map(lambda word: word * 40), ended=st.booleans())
def test_the_order_of_every_byte_is_kept(data: bytes, ended: bool) -> None:
    client, ours = socket.socketpair()
    with client, ours:
        client.sendall(data)
        if ended:
            client.shutdown(socket.SHUT_WR)
        rest = echo.begin(ours)
        if rest is None:
            assert ended
            assert received(client) == data
        else:
            assert received(client) + rest + received(ours) == data


def test_what_the_client_does_not_take_is_returned() -> None:
    client, ours = socket.socketpair()
    with client, ours:
        ours.setblocking(False)
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass  # nothing more fits into what the client does not read
        client.sendall(b"hello")
        assert echo.begin(ours) == b"hello"


@given(st.binary(max_size=2000))
def test_a_datagram_comes_back_as_it_is(payload: bytes) -> None:
    assert echo.datagram(payload, 0.0) == payload
