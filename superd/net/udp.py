"""What a datagram socket can be made to do beyond sending and receiving: be looked through, let go of its peer, be refilled.

Only system calls; who gets which socket is decided elsewhere.

Runs in: the front.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import Any

MAX_DATAGRAM = 65535
_SO_PEEK_OFF = 42
_libc = ctypes.CDLL(None, use_errno=True)


HEAD = 64
"""Bytes of a datagram that tell it from another."""


def first(sock: socket.socket) -> tuple[bytes, Any] | None:
    """Return the first bytes and the sender of what waits first, without taking it out; None when nothing does.

    Safe on a socket whose description a program has: it may have made it blocking, or set SO_PEEK_OFF beyond every end.
    """
    try:
        if sock.type == socket.SOCK_DGRAM:
            sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, -1)
        return sock.recvfrom(HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return None


def drop_first(sock: socket.socket) -> None:
    """Throw away what waits first, if it still does."""
    try:
        sock.recv(1, socket.MSG_DONTWAIT)
    except OSError:
        pass  # a program that has the socket took it, or the network is gone


def senders(sock: socket.socket, most: int) -> list[Any]:
    """The addresses of who sent what waits in the queue, at most so many, first first. Takes nothing out.

    What is empty is seen once: a later look passes over it (the kernel's mark on what was peeked at).
    """
    found: list[Any] = []
    # Each peek goes on after the one before (socket(7)); a plain one would see the first for ever.
    sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
    try:
        while len(found) < most:
            found.append(sock.recvfrom(MAX_DATAGRAM, socket.MSG_PEEK | socket.MSG_DONTWAIT)[1])
    except BlockingIOError:
        pass
    finally:
        sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, -1)
    return found


def drain(sock: socket.socket) -> list[tuple[bytes, Any]]:
    """Takes everything out of the queue: (payload, sender)."""
    found: list[tuple[bytes, Any]] = []
    try:
        while True:
            found.append(sock.recvfrom(MAX_DATAGRAM, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return found


def disconnect(sock: socket.socket) -> None:
    """Undoes connect(2), and with it the local address that a wildcard socket took from it. Raises ``OSError``."""
    # Python's connect() cannot say AF_UNSPEC.
    if _libc.connect(sock.fileno(), bytes(16), 16) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if sock.getsockname()[1] == 0:
        # Bound to "any port", and so free of it now; a socket that was bound to the number keeps it.
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def feeder(sock: socket.socket) -> socket.socket:
    """A socket of our own that only ``sock`` receives from: ``sock`` is connected to it. ``OSError``."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1" if sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) else "::ffff:127.0.0.1"
    scope = sock.getsockname()[2:]
    other = socket.socket(sock.family, socket.SOCK_DGRAM)
    try:
        other.setblocking(False)
        other.bind((host, 0, *scope))
        other.connect((host, port, *scope))
        sock.connect(other.getsockname())
    except OSError:
        other.close()
        raise
    return other
