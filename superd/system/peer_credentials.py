"""Who is at the other end of a unix socket, as the kernel knows it. Standard library only.

Runs in: master, panel. Never: asks the other end.
"""

from __future__ import annotations

import array
import socket
import struct

_SO_PEERGROUPS = 59
_UCRED = struct.Struct("3i")


def credentials_of(sock: socket.socket) -> tuple[int, int, tuple[int, ...]]:
    """Return pid, uid and all groups that the process had when it connected. Raises ``OSError``."""
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        # More than the 256 groups that fit: only the first group counts then, which gives no user more.
        groups = array.array("I", sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024))
    except OSError:
        groups = array.array("I")  # a kernel before 4.13 has no such option
    return pid, uid, (gid, *groups)
