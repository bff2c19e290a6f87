"""A seccomp(2) filter of what a small process may call, by name; everything else fails with EPERM, for good.

For processes whose calls are known to the last (``relay/confinement.py``); the front's filter (``seccomp.py``) is a list of
what is refused. x86-64 and aarch64; on another machine there is no filter, and the caller is told.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

from superd.system.seccomp import install

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS: dict[str, tuple[int, int]] = {
    # x86_64, aarch64; -1: it has no such call
    "brk": (12, 214),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "epoll_ctl": (233, 21),
    "epoll_pwait": (281, 22),
    "epoll_wait": (232, -1),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getrandom": (318, 278),
    "getsockopt": (55, 209),
    "ioctl": (16, 29),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "newfstatat": (262, 79),
    "pipe2": (293, 59),
    "read": (0, 63),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "restart_syscall": (219, 128),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sendfile": (40, 71),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "setitimer": (38, 103),
    "setsockopt": (54, 208),
    "shutdown": (48, 210),
    "splice": (275, 76),
    "write": (1, 64),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000
_NEVER_EXECUTABLE = ("mmap", "mprotect")
_PROT_EXEC = 4

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NR, _ARCH, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data, little-endian."""


def confine_to(calls: tuple[str, ...], second: Mapping[str, tuple[int, ...]]) -> bool:
    """Confines this process for good. False on a machine that has no filter. Raises ``OSError`` when that fails.

    The most frequent of ``calls`` come first. Calls in ``second`` are allowed with these values of their second argument
    alone (fcntl, ioctl). Memory never becomes executable.
    """
    machine = _MACHINES.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    return install(program(calls, second, *machine) if machine is not None else None)


def program(calls: tuple[str, ...], second: Mapping[str, tuple[int, ...]], column: int, arch: int) -> bytes:
    """The filter as classic BPF."""
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _REFUSE),  # a system call of another ABI, like i386's
        (_LOAD, 0, 0, _NR),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for name in calls:
        number = NUMBERS[name][column]
        if number < 0:
            continue
        if name in _NEVER_EXECUTABLE:
            inner = [(_LOAD, 0, 0, _ARGUMENTS + 16), (_HAS_BITS, 0, 1, _PROT_EXEC), (_RETURN, 0, 0, _REFUSE)]
            inner.append((_RETURN, 0, 0, _ALLOW))
        elif name in second:
            inner = [(_LOAD, 0, 0, _ARGUMENTS + 8)]
            for value in second[name]:
                inner += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
            inner.append((_RETURN, 0, 0, _REFUSE))
        else:
            inner = [(_RETURN, 0, 0, _ALLOW)]
        code += [(_EQUAL, 0, len(inner), number), *inner]
    code.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("HBBI", *line) for line in code)
