"""Send and receive descriptors over a socket pair, and keep values in memory that has a descriptor.

Runs in: every process of superd. Standard library only. Never blocks on a descriptor that another process has sent.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket

from superd.errors import ControlError
from superd.system.closing import let_all_go

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Sequence

NO_ROOM = frozenset({errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM})
"""Errors of a send: the kernel has no room for descriptors that are on their way, which is a limit of the user's. The front,
launchers and relays of one uid share it, and each launch is one."""
AGAIN = 0.02
"""Seconds until the next try then."""
SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
"""Seals of memory that no process can change any more."""

_SOL_SOCKET, _SCM_RIGHTS, _CLOEXEC = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS), int(socket.MSG_CMSG_CLOEXEC)
_TRUNC, _CTRUNC = int(socket.MSG_TRUNC), int(socket.MSG_CTRUNC)
"""Plain numbers: an operation on socket's enums costs a microsecond."""
_INT = array.array("i").itemsize
_SO_PASSRIGHTS = 83
"""Linux 6.16: switched off, a message with descriptors is refused at its sender (EPERM)."""

_PIECE = 1 << 20
"""Bytes of memory that are read at once."""


def send_with(sock: socket.socket, data: bytes, fds: Sequence[int], flags: int = 0) -> None:
    """Send one message with ``fds``, which stay the caller's. Raises ``OSError`` as sendmsg(2) does."""
    # Not socket.send_fds: it forgets its flags.
    if fds:
        sock.sendmsg([data], [(_SOL_SOCKET, _SCM_RIGHTS, array.array("i", fds))], flags)
    else:
        sock.send(data, flags)


def receive_with(sock: socket.socket, size: int, most: int, flags: int = 0) -> tuple[bytes, list[int], bool]:
    """Return the next message, its descriptors, and whether some were lost because this process could hold no more.

    ``size`` bytes and ``most`` descriptors are allowed. The descriptors are the caller's, and close on exec. Raises
    ``ControlError`` for a message that is longer or has more of them, ``OSError`` as recvmsg(2) does.
    """
    # Not socket.recv_fds: it forgets its flags, and each program that is started meanwhile would inherit the descriptors.
    data, ancillary, got, _ = sock.recvmsg(size, socket.CMSG_SPACE((most + 1) * _INT), _CLOEXEC | flags)
    fds: list[int] = []
    for level, kind, payload in ancillary:
        if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
            fds += array.array("i", payload[: len(payload) - len(payload) % _INT])
    if got & _TRUNC or len(fds) > most:
        let_all_go(fds)
        raise ControlError("message is too long")
    return data, fds, bool(got & _CTRUNC)


def refuse_descriptors(sock: socket.socket) -> None:
    """Make the kernel refuse messages with descriptors to ``sock``, where it can; elsewhere the receiver closes them."""
    try:
        sock.setsockopt(_SOL_SOCKET, _SO_PASSRIGHTS, 0)
    except OSError:
        pass  # an older kernel


def as_memory(name: str, data: bytes, *, seal: bool = False) -> int:
    """Return the descriptor of new memory that holds ``data``; with ``seal`` no process can change it any more."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if seal:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALED)
    except OSError:
        os.close(fd)
        raise
    return fd


def from_memory(fd: int, most: int, *, sealed: bool = False) -> bytes:
    """Return what the memory ``fd`` holds, at most ``most`` bytes; ``fd`` stays the caller's.

    With ``sealed`` raises ``ControlError`` for anything but memory that no process can change: a read of a pipe, or of a file
    on a server that is away, could block for ever.
    """
    if sealed:
        try:
            seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        except OSError:
            raise ControlError("the descriptor is not memory") from None
        if seals & SEALED != SEALED:
            raise ControlError("the memory is not sealed")
    data = b""
    # Piece by piece: as much room as ``most`` at once is more than a launcher under a small RLIMIT_AS has.
    while len(data) < most and (piece := os.pread(fd, min(_PIECE, most - len(data)), len(data))):
        data += piece
    return data
