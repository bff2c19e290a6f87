"""What superd itself says to a client, and how it takes its leave: so that the client sees it, and not a reset."""

from __future__ import annotations

import os
import socket

import trio

MAX_BANNER = 1 << 20
"""Bytes of a banner file; the rest is not sent."""
DRAIN_BYTES, DRAIN_SECONDS = 65536, 2.0
"""What is read and thrown away at the end, so that the client gets the last words and not a reset."""


async def read_file(path: str) -> bytes:
    """The content of a banner, empty when there is no such file. Raises ``OSError`` for one that cannot be read."""
    try:
        return await trio.to_thread.run_sync(_read, path)
    except FileNotFoundError:
        return b""


async def send(sock: trio.socket.SocketType, data: bytes, seconds: float) -> bool:
    """Sends all of ``data``; False when the client does not read it in time."""
    with trio.move_on_after(seconds) as scope:
        view = memoryview(data)
        while view:
            view = view[await sock.send(view) :]
    return not scope.cancelled_caught


async def part(sock: trio.socket.SocketType) -> None:
    """Our end first, then a little of what the client still sends: closing on unread bytes would be a reset."""
    sock.shutdown(socket.SHUT_WR)
    with trio.move_on_after(DRAIN_SECONDS):
        left = DRAIN_BYTES
        while left > 0 and (data := await sock.recv(4096)):
            left -= len(data)


def _read(path: str) -> bytes:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC)) as file:
        return file.read(MAX_BANNER)
