"""The socket pair that carries messages between two of superd's processes.

Runs in: master, which makes it and keeps both ends.
Never: sends anything.
"""

from __future__ import annotations

import socket

BUFFER = 1 << 20
"""Bytes that wait in each direction: a few hundred requests before accept is pushed back, several pages of answers to a panel."""


def message_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends: the front's first, then that of the launcher, relay or panel."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return pair
