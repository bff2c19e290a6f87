"""A connection whose close(2) waits: its client does not read, and it lingers (socket(7), SO_LINGER)."""

from __future__ import annotations

import socket
import struct


def fill(sock: socket.socket, seconds: int = 60) -> None:
    """Fill the connection's buffers, so that a close of its last copy waits for ``seconds``."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        pass
