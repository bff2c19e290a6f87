"""discard, RFC 863: reads and throws away."""

from __future__ import annotations

import mmap
import socket

import trio

CHUNK = 1 << 20
_sink = mmap.mmap(-1, CHUNK)


def begin(sock: socket.socket) -> bytes | None:
    """Throws away what is there already. ``None``: the client has ended, all is done."""
    try:
        while taken := sock.recv_into(_sink, CHUNK, socket.MSG_TRUNC | socket.MSG_DONTWAIT):
            if taken == CHUNK:
                return b""
    except BlockingIOError:
        return b""
    return None


async def stream(sock: trio.socket.SocketType) -> bool:
    """Reads until the client ends its side."""
    raw = socket.socket(fileno=sock.fileno())
    try:
        while True:
            await trio.lowlevel.wait_readable(raw)
            try:
                # MSG_TRUNC: the kernel frees the bytes without copying them (tcp(7)); the buffer is never touched.
                while taken := raw.recv_into(_sink, CHUNK, socket.MSG_TRUNC):
                    if taken < CHUNK:
                        break
                else:
                    return True
            except BlockingIOError:
                continue
            await trio.lowlevel.checkpoint()
    finally:
        raw.detach()


def datagram(payload: bytes, now: float) -> None:
    """Nothing."""
