"""How long a connection has been silent, as the kernel knows it, and what happens then."""

from __future__ import annotations

import socket

import pytest
import trio

from superd.net.silence import silence, watch
from tests.front.fakes_of_connections import pair


def test_a_byte_ends_the_silence_and_a_unix_socket_has_none() -> None:
    ours, theirs = pair()
    with ours, theirs:
        theirs.sendall(b"x")
        assert 0 <= silence(ours) < 30
    left, right = socket.socketpair()
    with left, right, pytest.raises(OSError):
        silence(left)


@pytest.mark.parametrize(("limit", "called"), [(0.001, True), (3600.0, False)])
async def test_silence_is_told_once_and_the_copy_is_closed(limit: float, called: bool) -> None:
    ours, theirs = pair()
    heard: list[str] = []
    scope = trio.CancelScope()
    with theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, ours, limit, scope, lambda: heard.append("silent"))
            if not called:
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
    assert heard == (["silent"] if called else [])
    assert ours.fileno() < 0
