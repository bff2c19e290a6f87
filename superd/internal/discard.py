"""discard, RFC 863: reads and throws away. A relay carries what follows the first bytes.

Runs in: the front. Never: opens a socket.
"""

from __future__ import annotations

import mmap
import socket

CHUNK = 1 << 20
_sink = mmap.mmap(-1, CHUNK)


def begin(sock: socket.socket) -> bytes | None:
    """Throw away what has arrived already. ``None``: the client has ended, all is done."""
    try:
        while taken := sock.recv_into(_sink, CHUNK, socket.MSG_TRUNC | socket.MSG_DONTWAIT):
            if taken == CHUNK:
                return b""
    except BlockingIOError:
        return b""
    return None


def datagram(payload: bytes, now: float) -> None:
    """Nothing."""
