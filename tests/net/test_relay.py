"""The relay between real sockets: what goes in comes out, ends are passed on, and pipes are used again and never leak."""

from __future__ import annotations

import os
import socket

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from superd.net import relay as relays
from superd.net.relay import Traffic, connect, pump, relay


def pair() -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
    left, right = socket.socketpair()
    return trio.socket.from_stdlib_socket(left), trio.socket.from_stdlib_socket(right)


async def send_all(sock: trio.socket.SocketType, data: bytes) -> None:
    while data:
        data = data[await sock.send(data) :]
    sock.shutdown(socket.SHUT_WR)


async def read_all(sock: trio.socket.SocketType) -> bytes:
    found = b""
    while piece := await sock.recv(65536):
        found += piece
    return found


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(there=st.integers(0, 3_000_000), back=st.integers(0, 3_000_000))
def test_every_byte_comes_out_at_the_other_side_and_is_counted(there: int, back: int) -> None:
    sent, answered = os.urandom(there), os.urandom(back)

    async def main() -> None:
        (client, ours), (theirs, server) = pair(), pair()
        with client, ours, theirs, server:
            traffic = Traffic()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_all, client, sent)
                nursery.start_soon(send_all, server, answered)
                found: dict[str, bytes] = {}

                async def read(name: str, sock: trio.socket.SocketType) -> None:
                    found[name] = await read_all(sock)

                nursery.start_soon(read, "server", server)
                nursery.start_soon(read, "client", client)
                nursery.start_soon(lambda: relay(ours, theirs, traffic, idle=None))
            assert found == {"server": sent, "client": answered}
            assert (traffic.received, traffic.sent) == (there, back)

    trio.run(main)


async def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    (client, ours), (theirs, server) = pair(), pair()
    with client, ours, theirs, server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: relay(ours, theirs, Traffic(), idle=None))
            await send_all(client, b"question")
            assert await read_all(server) == b"question"
            await send_all(server, b"answer")
            assert await read_all(client) == b"answer"


async def test_a_pipe_that_was_left_full_is_never_used_again() -> None:
    relays._spare.clear()
    (client, ours), (theirs, server) = pair(), pair()
    with client, ours, theirs, server:
        before = open_files()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, ours, theirs)
            nursery.start_soon(send_all, client, bytes(10_000_000))
            # Nobody reads: at last the pipe has bytes that no socket takes.
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        assert relays._spare == []
        assert open_files() == before


async def test_pipes_are_used_again_and_only_a_few_are_kept() -> None:
    async def echo_once() -> None:
        client, ours = pair()
        with client, ours:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, ours, ours)
                await send_all(client, b"hello")
                ours_ended = await client.recv(5)
                assert ours_ended == b"hello"

    await echo_once()
    before = open_files()
    async with trio.open_nursery() as nursery:
        for _ in range(4 * relays.SPARE):
            nursery.start_soon(echo_once)
    assert len(relays._spare) <= relays.SPARE
    assert open_files() <= before + 2 * relays.SPARE


async def test_a_target_is_a_name_or_an_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("localhost", "127.0.0.1"):
            with await connect(host, port) as sock, server.accept()[0] as other:
                await sock.send(b"hello")
                assert other.recv(10) == b"hello"
    before = open_files()
    with pytest.raises(ConnectionRefusedError):
        await connect("127.0.0.1", port)
    assert open_files() == before
