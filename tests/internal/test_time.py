"""time: seconds since 1900 in four bytes."""

from __future__ import annotations

import time as clock

import trio

from superd.internal import time


def test_seconds_count_from_1900_and_wrap() -> None:
    assert time.datagram(b"", 0.0) == (2208988800).to_bytes(4, "big")  # RFC 868's own example: 00:00 1 Jan 1970
    assert time.answer(2.0**32) == ((2**32 + 2208988800) % 2**32).to_bytes(4, "big")


async def test_a_connection_gets_the_time_of_now() -> None:
    ours, client = trio.socket.socketpair()
    with ours, client:
        await time.stream(ours)
        seconds = int.from_bytes(await client.recv(100), "big") - time.SINCE_1900
        assert abs(seconds - clock.time()) < 60
