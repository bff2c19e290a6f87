"""Close a socket without waiting: close(2) of a TCP socket with SO_LINGER blocks, even one that is non-blocking.

A rule's option `linger`, or a program, may have set it on a socket that this process has a copy of.
"""

from __future__ import annotations

import os
import socket

import trio

_NO_LINGER = bytes(8)
"""struct linger with l_onoff 0 (socket(7))."""


def let_go(sock: socket.socket | trio.socket.SocketType) -> None:
    """Close ``sock``; what is still unsent is sent by the kernel."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    except OSError:
        pass  # a kind of socket without the option, which does not wait either; or one that is closed
    sock.close()


def let_go_of(fd: int) -> None:
    """Close the descriptor of a socket in the same way."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        os.close(fd)  # not a socket
        return
    let_go(sock)
