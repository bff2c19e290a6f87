"""time, RFC 868: seconds since 1900 as four bytes.

Runs in: the front. Never: opens a socket.
"""

from __future__ import annotations

import time

import trio

SINCE_1900 = 2208988800
"""Seconds from 1900 to 1970."""


def answer(now: float) -> bytes:
    """Big-endian; wraps in 2036 as the protocol does."""
    return ((int(now) + SINCE_1900) & 0xFFFFFFFF).to_bytes(4, "big")


async def stream(sock: trio.socket.SocketType) -> None:
    """Sends the four bytes; the caller closes."""
    await sock.send(answer(time.time()))  # noqa: TID251 - the time of day is what is asked for


def datagram(payload: bytes, now: float) -> bytes:
    """The four bytes."""
    return answer(now)
