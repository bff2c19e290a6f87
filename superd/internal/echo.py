"""echo, RFC 862: what comes goes back. By splice(2), through a pipe that exists only while bytes flow."""

from __future__ import annotations

import os

import trio

CHUNK = 1 << 20


async def stream(sock: trio.socket.SocketType) -> None:
    """Sends back until the client ends its side."""
    while True:
        await trio.lowlevel.wait_readable(sock)
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not await _burst(sock.fileno(), read, write):
                return
        finally:
            os.close(read)
            os.close(write)


async def _burst(fd: int, read: int, write: int) -> bool:
    while True:
        try:
            taken = os.splice(fd, write, CHUNK)
        except BlockingIOError:
            return True
        if taken == 0:
            return False
        while taken:
            try:
                taken -= os.splice(read, fd, taken)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(fd)
        await trio.lowlevel.checkpoint()


def datagram(payload: bytes, now: float) -> bytes:
    """The same bytes."""
    return payload
