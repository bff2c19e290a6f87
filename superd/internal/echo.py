"""echo, RFC 862: every byte goes back. ``begin`` answers what has arrived already; a relay carries what follows.

Runs in: the front. Never: opens a socket.
"""

from __future__ import annotations

import socket

SHORT = 4096
"""Bytes that the empty send buffer of a new connection always takes (tcp_wmem's least is a page)."""


def begin(sock: socket.socket) -> bytes | None:
    """Send back what has arrived already.

    ``None``: the client has ended too, all is done. Else what has been read and not been sent.
    """
    try:
        while True:
            data = sock.recv(SHORT, socket.MSG_DONTWAIT)
            if not data:
                return None
            sent = _send(sock, data)
            if sent < len(data) or sent == SHORT:
                return data[sent:]
    except BlockingIOError:
        return b""


def _send(sock: socket.socket, data: bytes) -> int:
    try:
        return sock.send(data, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 0


def datagram(payload: bytes, now: float) -> bytes:
    """The same bytes."""
    return payload
