"""Close what another process or a client has had, without waiting.

close(2) of the last copy of a TCP socket with SO_LINGER waits until the peer has taken everything, even if the socket is
non-blocking; SO_LINGER belongs to the description, so a program, a rule or a listening socket that a program had can have
set it. ``tests/test_closing.py`` holds that the rooms of the long-lived processes close such descriptors here alone.

Runs in: every process of superd. Standard library only. Never waits.
"""

from __future__ import annotations

import os
import socket

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Closable(Protocol):
        """A socket, of the standard library or of trio."""

        def getsockopt(self, level: int, option: int, /) -> int: ...
        def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...
        def close(self) -> None: ...


_SOL_SOCKET, _SO_LINGER = int(socket.SOL_SOCKET), int(socket.SO_LINGER)
_INET, _STREAM = int(socket.AF_INET), int(socket.SOCK_STREAM)
"""Plain numbers: an operation on socket's enums costs a microsecond."""
_NO_LINGER = bytes(8)
"""struct linger with l_onoff 0 (socket(7))."""


def let_go(fd: int) -> None:
    """Close ``fd``, whatever it is; what is still unsent is sent by the kernel."""
    try:
        # The family is not asked for: the kernel knows it, and nothing here depends on it.
        sock = socket.SocketType(_INET, _STREAM, 0, fd)  # the C type: the library's own costs 3 µs more
    except OSError:
        os.close(fd)  # not a socket
        return
    let_socket_go(sock)


def let_untouched_go(fd: int) -> None:
    """Close a connection that no other process has had and on which nothing was sent: there is nothing to wait for."""
    os.close(fd)


def let_all_go(fds: Iterable[int]) -> None:
    """Close all of them, as ``let_go`` does."""
    for fd in fds:
        let_go(fd)


def let_socket_go(sock: Closable) -> None:
    """Close a socket object, as ``let_go`` does; a second call does nothing."""
    if lingers(sock):
        sock.setsockopt(_SOL_SOCKET, _SO_LINGER, _NO_LINGER)
    sock.close()


def let_copy_go(fd: int) -> bool:
    """Close a copy of a socket that a program may have; return False, with ``fd`` still open, when it lingers.

    The program has asked for the linger time, or a rule has for it, so it is not turned off while the program lives.
    """
    try:
        sock = socket.SocketType(_INET, _STREAM, 0, fd)
    except OSError:
        os.close(fd)  # not a socket
        return True
    if lingers(sock):
        sock.detach()
        return False
    sock.close()
    return True


def lingers(sock: Closable) -> bool:
    """Return whether close(2) of the last copy of this socket may wait."""
    try:
        return sock.getsockopt(_SOL_SOCKET, _SO_LINGER) != 0  # as an int: l_onoff, the first of the two
    except OSError:
        return False  # a kind of socket without the option, or one that is closed
