"""Sends a client banners and last words, so that the client sees them and not a reset.

Runs in: the front. Never follows what a banner's path leads to beyond a regular file, and never waits for a client without
a limit.
"""

from __future__ import annotations

import os
import socket

import trio

from superd.system.paths import Trust, open_file

MAX_BANNER = 1 << 20
"""Bytes of a banner file; the rest is not sent."""
DRAIN_BYTES, DRAIN_SECONDS = 65536, 2.0
"""What is read and thrown away at the end, so that the client gets the last words and not a reset."""
_READERS = 8
"""Banners read at once. Of their own: a name server that hangs must not hold banners up."""

_limiter: trio.CapacityLimiter | None = None


async def read_file(path: str) -> bytes:
    """Return the content of a banner, empty when the file does not exist. Raises ``OSError`` for one that cannot be read."""
    global _limiter
    if _limiter is None:
        _limiter = trio.CapacityLimiter(_READERS)
    try:
        return await trio.to_thread.run_sync(_read, path, limiter=_limiter)
    except FileNotFoundError:
        return b""


async def send(sock: trio.socket.SocketType, data: bytes, seconds: float) -> bool:
    """Send all of ``data``; return False when the client does not read it in time."""
    with trio.move_on_after(seconds) as scope:
        view = memoryview(data)
        while view:
            view = view[await sock.send(view) :]
    return not scope.cancelled_caught


async def part(sock: trio.socket.SocketType) -> None:
    """End our side first, then read a little of what the client still sends: closing on unread bytes would be a reset."""
    sock.shutdown(socket.SHUT_WR)
    with trio.move_on_after(DRAIN_SECONDS):
        left = DRAIN_BYTES
        while left > 0 and (data := await sock.recv(4096)):
            left -= len(data)


def _read(path: str) -> bytes:
    # In a user's folder no link: it could lead to /proc/self/environ, and this process would send it to a client.
    with os.fdopen(open_file(path, Trust.own(strict=True, others_folders=True)), "rb") as file:
        return file.read(MAX_BANNER)
