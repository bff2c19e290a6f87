"""What: gives this process namespaces of its own: users, mounts, network, IPC. Standard library only; a launcher loads it.

Runs in: launchers, and the child that looks whether this host can do it. Never: takes an identity on, mounts anything.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

from superd.system import prctl

NEW_MOUNTS, NEW_IPC, NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
"""CLONE_NEW* (linux/sched.h)."""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def unshare(flags: int) -> None:
    """Leave the namespaces that are shared with others. Raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(ctypes.c_int(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def own_users() -> None:
    """Enter a user namespace in which this process's user is the only one, and this process may make other namespaces.

    Raises ``OSError``. A set-uid program gives no rights there.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEW_USERS)
    prctl.prctl(prctl.SET_DUMPABLE, 1)  # or the files below are root's
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def own_network() -> None:
    """Enter a network namespace with nothing but a loopback, and take that up. Raises ``OSError``."""
    unshare(NEW_NETWORK)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
