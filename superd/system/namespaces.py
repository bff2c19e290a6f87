"""What: gives this process namespaces of its own: users, mounts, network, IPC. Standard library only; a launcher loads it.

Runs in: launchers, and the child that looks whether this host can do it. Never: takes an identity on, mounts anything.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct

from superd.system import prctl
from superd.system.outside import open_proc

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
        fd = open_proc(f"self/{name}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


class UserMap:
    """A user namespace with a range of users, each itself, which root alone can give: a child that stays root writes the map.

    Made while this process is root; ``enter`` is for when it is one of the range.
    """

    def __init__(self, first: int, last: int) -> None:
        """Start the child. Raises ``OSError``."""
        there, self._go = os.pipe2(os.O_CLOEXEC)
        self._back, back = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        self._pid = os.fork()  # noqa: TID251 - the child writes two files, and exits
        if self._pid == 0:
            os.close(self._go)
            why = b"0:"
            try:
                if os.read(there, 1):
                    for name in ("uid_map", "gid_map"):
                        fd = open_proc(f"{parent}/{name}", os.O_WRONLY)
                        os.write(fd, b"%d %d %d" % (first, first, last - first + 1))
            except OSError as problem:
                why = b"%d:%s" % (problem.errno or errno.EIO, (problem.strerror or "").encode())
            finally:
                os.write(back, why)
                os._exit(0)
        os.close(there)
        os.close(back)

    def enter(self) -> None:
        """Leave the host's users for the range, in which this process can be each of them, and none else. Raises ``OSError``."""
        try:
            unshare(NEW_USERS)
            os.write(self._go, b"x")
            number, _, why = os.read(self._back, 400).partition(b":")
        finally:
            os.close(self._go)
            os.close(self._back)
            os.waitpid(self._pid, 0)
        if number != b"0":
            raise OSError(int(number or errno.EIO), f"the map of users: {why.decode('utf-8', 'replace')}")


def has_process(uid: int) -> bool:
    """Whether any process is this user's. Never looks into /proc."""
    try:
        os.getpriority(os.PRIO_USER, uid)
    except ProcessLookupError:
        return False
    return True


def own_network() -> None:
    """Enter a network namespace with nothing but a loopback, and take that up. Raises ``OSError``."""
    unshare(NEW_NETWORK)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
