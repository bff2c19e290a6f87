"""What: a seccomp(2) filter of what a process may call, by name; everything else fails with EPERM, for good.

Runs in: front, relay, before they read a byte of a peer. Never: kills. x86-64 and aarch64; another machine has no filter, which
the caller learns it.
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

    Values = tuple[int, tuple[int, ...]]
    """Which argument, from 0, and its values."""

NUMBERS: dict[str, tuple[int, int]] = {
    # x86_64, aarch64; -1: it has no such call
    "accept": (43, 202),
    "accept4": (288, 242),
    "access": (21, -1),
    "bind": (49, 200),
    "brk": (12, 214),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close": (3, 57),
    "connect": (42, 203),
    "dup": (32, 23),
    "dup2": (33, -1),
    "dup3": (292, 24),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "epoll_wait": (232, -1),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "fstatfs": (138, 44),
    "ftruncate": (77, 46),
    "futex": (202, 98),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getpeername": (52, 205),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getresgid": (120, 150),
    "getresuid": (118, 148),
    "getrusage": (98, 165),
    "getsockname": (51, 204),
    "getsockopt": (55, 209),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "getxattr": (191, 8),
    "ioctl": (16, 29),
    "lseek": (8, 62),
    "lstat": (6, -1),
    "madvise": (28, 233),
    "membarrier": (324, 283),
    "memfd_create": (319, 279),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "newfstatat": (262, 79),
    "open": (2, -1),
    "openat": (257, 56),
    "pipe2": (293, 59),
    "poll": (7, -1),
    "ppoll": (271, 73),
    "prctl": (157, 167),
    "pread64": (17, 67),
    "prlimit64": (302, 261),
    "pselect6": (270, 72),
    "read": (0, 63),
    "readlink": (89, -1),
    "readlinkat": (267, 78),
    "readv": (19, 65),
    "recvfrom": (45, 207),
    "recvmmsg": (299, 243),
    "recvmsg": (47, 212),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "select": (23, -1),
    "sendfile": (40, 71),
    "sendmmsg": (307, 269),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "setitimer": (38, 103),
    "setsockopt": (54, 208),
    "shutdown": (48, 210),
    "sigaltstack": (131, 132),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "splice": (275, 76),
    "stat": (4, -1),
    "statfs": (137, 43),
    "statx": (332, 291),
    "sysinfo": (99, 179),
    "time": (201, -1),
    "uname": (63, 160),
    "write": (1, 64),
    "writev": (20, 66),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000
NEWEST = 462
"""The last call of the kernels that this list was made for; a C library that finds a newer one missing uses an older one."""
_CLONE_THREAD = 0x00010000
_PROT_EXEC = 4

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_REFUSE, _MISSING = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
_NR, _ARCH, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data, little-endian."""


def confine_to(calls: tuple[str, ...], arguments: Mapping[str, Values], *, executable: bool = False) -> bool:
    """Confine this process and its threads to come, for good. Return False on a machine that has no filter.

    The most frequent of ``calls`` come first. Calls in ``arguments`` are allowed with these values of one argument alone, clone
    for threads alone. Memory never becomes executable, unless ``executable``. Raises ``OSError`` when that fails.
    """
    machine = _MACHINES.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    return install(program(calls, arguments, *machine, executable=executable) if machine is not None else None)


def program(
    calls: tuple[str, ...], arguments: Mapping[str, Values], column: int, arch: int, *, executable: bool = False
) -> bytes:
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
        if name in ("mmap", "mprotect") and not executable:
            inner = [(_LOAD, 0, 0, _ARGUMENTS + 16), (_HAS_BITS, 0, 1, _PROT_EXEC), (_RETURN, 0, 0, _REFUSE)]
            inner.append((_RETURN, 0, 0, _ALLOW))
        elif name == "clone":
            inner = [(_LOAD, 0, 0, _ARGUMENTS), (_HAS_BITS, 0, 1, _CLONE_THREAD), (_RETURN, 0, 0, _ALLOW)]
            inner.append((_RETURN, 0, 0, _REFUSE))
        elif name in arguments:
            index, values = arguments[name]
            inner = [(_LOAD, 0, 0, _ARGUMENTS + 8 * index)]
            for value in values:
                inner += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
            inner.append((_RETURN, 0, 0, _REFUSE))
        else:
            inner = [(_RETURN, 0, 0, _ALLOW)]
        code += [(_EQUAL, 0, len(inner), number), *inner]
    # The arguments of clone3 lie in memory, out of a filter's sight; the C library falls back on clone.
    code += [(_EQUAL, 0, 1, NUMBERS["clone3"][column]), (_RETURN, 0, 0, _MISSING)]
    code += [(_AT_LEAST, 0, 1, NEWEST + 1), (_RETURN, 0, 0, _MISSING), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *line) for line in code)
