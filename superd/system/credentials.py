"""What: the one way in which a process of superd gives up root, and makes sure that it is gone. Standard library only.

Runs in: front, launcher (and each process that is to come), before they read a byte of others. Never: looks a name up.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from superd.system import prctl

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION_3 = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3: 64 capabilities in two halves."""
_SETS = struct.Struct("=6I")
"""effective, permitted, inheritable of the lower 32 capabilities, then of the upper."""
_ALL = 64
_SETGID, _SETUID = 6, 7


def is_root() -> bool:
    """Whether this process is root and it can become other users.

    In a user namespace with one user, as ``unshare -r`` makes it, root is that one user by another name.
    """
    return os.geteuid() == 0 and not alone()


def alone() -> bool:
    """Whether this process's user namespace has one user only."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            ranges = [line.split() for line in file]
    except OSError:
        return False  # no /proc, or a kernel without user namespaces
    return len(ranges) == 1 and ranges[0][2:] == [b"1"]


def take_on(uid: int, gid: int, groups: list[int], *, bounding: bool = False, ambient: Sequence[int] = ()) -> None:
    """Become this user for good. With ``bounding`` no program that is executed gets a capability either (set-uid root).

    The capabilities ``ambient``, by number, stay, and every program that is executed has them, too.

    Raises ``OSError`` if any part fails, ``PermissionError`` if anything is left: then nothing may be served or started.
    """
    if lacking := lacking_capabilities():
        raise PermissionError(errno.EPERM, f"superd lacks {' and '.join(lacking)}, which becoming another user needs")
    if bounding and uid != 0:
        drop_bounding_set()
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    if ambient and uid != 0:
        prctl.prctl(prctl.SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    if uid != 0:
        drop_capabilities(ambient)
    verify(uid, gid, groups, ambient)


def become(uid: int, gid: int) -> None:
    """Become this user, without groups and capabilities, or with a ``uid`` of -1 stay who this process is, without any.

    Raises ``OSError`` as ``take_on`` does.
    """
    if uid >= 0:
        take_on(uid, gid, [], bounding=True)
    elif os.geteuid() != 0:
        drop_capabilities()
    # After the change of credentials, which sets it anew. Closed to ptrace(2) and /proc/PID/mem and /fd by others of its uid.
    prctl.prctl(prctl.SET_DUMPABLE, 0)


def lacking_capabilities() -> list[str]:
    """Return the names of the capabilities that ``take_on`` needs and that this process does not have."""
    effective = _SETS.unpack(_capability_call("capget", bytes(_SETS.size)))[0]
    return [name for name, number in (("CAP_SETGID", 6), ("CAP_SETUID", 7)) if not effective >> number & 1]


def may_trace() -> bool:
    """Return whether this process may see all of other users' processes (CAP_SYS_PTRACE)."""
    return bool(_SETS.unpack(_capability_call("capget", bytes(_SETS.size)))[0] >> 19 & 1)


def drop_capabilities(ambient: Sequence[int] = ()) -> None:
    """Empty all sets of capabilities except ``ambient``, which programs inherit.

    Under SECBIT_NO_SETUID_FIXUP and SECBIT_KEEP_CAPS setresuid(2) empties none.
    """
    try:
        prctl.prctl(prctl.CAP_AMBIENT, prctl.CAP_AMBIENT_CLEAR_ALL)
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # a kernel before 4.3 has no such set
            raise
    kept = sum(1 << number for number in ambient)
    halves = [kept & 0xFFFFFFFF] * 3 + [kept >> 32] * 3
    _capability_call("capset", _SETS.pack(*halves))
    for number in ambient:
        prctl.prctl(prctl.CAP_AMBIENT, prctl.CAP_AMBIENT_RAISE, number)


def limit_bounding_set(kept: Sequence[int]) -> None:
    """Take every capability but ``kept`` out of the bounding set. Raises ``OSError`` where the kernel does not let us."""
    for number in range(_ALL):
        try:
            has = prctl.prctl(prctl.CAPBSET_READ, number)
        except OSError as problem:
            if problem.errno == errno.EINVAL:
                return  # after the last capability of this kernel
            raise
        if has and number not in kept:
            prctl.prctl(prctl.CAPBSET_DROP, number)


def drop_bounding_set() -> None:
    """Empty the bounding set as far as CAP_SETPCAP permits; without that capability nothing is lost: ``verify`` looks."""
    for number in range(_ALL):
        try:
            prctl.prctl(prctl.CAPBSET_DROP, number)
        except OSError as problem:
            if problem.errno in (errno.EINVAL, errno.EPERM):
                return  # after the last capability of this kernel; or it was taken away from this container
            raise


def capabilities() -> int:
    """Return the union of the effective, permitted and inheritable sets of this thread, as bits."""
    low = _SETS.unpack(_capability_call("capget", bytes(_SETS.size)))
    return int(low[0] | low[1] | low[2] | (low[3] | low[4] | low[5]) << 32)


def _capability_call(name: str, sets: bytes) -> bytes:
    # The system calls by their wrappers: /proc may be missing, and a codec for its text is a module to import.
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    data = ctypes.create_string_buffer(sets, _SETS.size)
    if getattr(libc, name)(header, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return data.raw


def verify(uid: int, gid: int, groups: list[int], ambient: Sequence[int] = ()) -> None:
    """Raise ``PermissionError`` unless this process is exactly that: no capability but ``ambient``, no way back to root."""
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
        raise PermissionError(errno.EPERM, "the identity was not taken on")
    if sorted(os.getgroups()) != sorted(groups):
        raise PermissionError(errno.EPERM, "the groups were not taken on")
    if uid == 0:
        return
    if capabilities() & ~sum(1 << number for number in ambient):
        raise PermissionError(errno.EPERM, "capabilities are left")
    if {_SETGID, _SETUID} & set(ambient):
        return  # an operator gave the way back on purpose
    for back in (os.setresuid, os.setresgid) if gid else (os.setresuid,):
        try:
            back(0, 0, 0)
        except PermissionError:
            continue
        raise PermissionError(errno.EPERM, "root could be taken back")
