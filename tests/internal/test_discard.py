"""discard: reads everything, answers nothing, and is over with its client."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import discard
from tests.internal.client import received


@given(size=st.integers(0, 100_000), ended=st.booleans())
def test_it_ends_with_its_client_and_not_before(size: int, ended: bool) -> None:
    client, ours = socket.socketpair()
    with client, ours:
        client.sendall(bytes(size))
        if ended:
            client.shutdown(socket.SHUT_WR)
        assert discard.begin(ours) == (None if ended else b"")
        assert received(ours) == b""
        assert received(client) == b""


def test_a_client_that_ends_later_is_seen_by_the_next_call() -> None:
    client, ours = socket.socketpair()
    with client, ours:
        client.sendall(b"x")
        assert discard.begin(ours) == b""
        client.close()
        assert discard.begin(ours) is None


@given(st.binary(max_size=200))
def test_no_datagram_is_answered(payload: bytes) -> None:
    assert discard.datagram(payload, 0.0) is None  # type: ignore[func-returns-value]
