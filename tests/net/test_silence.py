"""How long a connection has been silent, as the kernel knows it, and what happens then."""

from __future__ import annotations

import socket

import pytest
import trio

from superd.net.silence import silence, watch, watch_first_byte
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
async def test_silence_is_reported_once_and_the_copy_is_closed(limit: float, called: bool) -> None:
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


@pytest.mark.parametrize(("sent", "called"), [(b"", True), (b"x", False)])
async def test_a_client_without_a_byte_is_reported_once_and_the_copy_is_closed(
    sent: bytes, called: bool, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = pair()
    heard: list[str] = []
    with theirs:
        theirs.sendall(sent)
        await watch_first_byte(ours, 5.0, trio.CancelScope(), lambda: heard.append("mute"))
    assert heard == (["mute"] if called else [])
    assert ours.fileno() < 0


async def test_a_unix_socket_counts_no_bytes_and_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    left, right = socket.socketpair()
    with right:
        await watch_first_byte(left, 5.0, trio.CancelScope(), lambda: pytest.fail("a unix socket has no count"))
    assert left.fileno() < 0
