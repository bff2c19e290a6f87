"""What the front's process can never do again, told to the kernel: run a program, fork, signal or look into a process.

A seccomp(2) filter of a short list, by hand: libseccomp's list of what is allowed would have to know every libc's resolver.
It refuses with an errno and never kills. Decides nothing about files and sockets: those are the uid's business.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2
"""Without it kernels before 5.16 slow the whole process down (speculative store bypass)."""
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data, little-endian."""

_SAME_EVERYWHERE = (425, 424, 438, 440, 448)
"""io_uring_setup, pidfd_send_signal, pidfd_getfd, process_madvise, process_mrelease."""

_TABLES: dict[str, tuple[int, int, int, tuple[int, ...]]] = {
    # AUDIT_ARCH, seccomp, clone, then: execve execveat fork vfork kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo ptrace
    # process_vm_readv process_vm_writev kcmp unshare setns bpf userfaultfd perf_event_open add_key request_key keyctl
    "x86_64": (
        0xC000003E, 317, 56,
        (59, 322, 57, 58, 62, 200, 234, 129, 297, 101, 310, 311, 312, 272, 308, 321, 323, 298, 248, 249, 250),
    ),
    # the same without fork and vfork, which it does not have
    "aarch64": (
        0xC00000B7, 277, 220,
        (221, 281, 129, 130, 131, 138, 240, 117, 270, 271, 272, 97, 268, 280, 282, 241, 217, 218, 219),
    ),
}  # fmt: skip
_CLONE3 = 435


def confine() -> bool:
    """Confines this process and all its threads to come, for good. False where the kernel or the machine has no such thing.

    Also without root: no_new_privs comes first, which a process that never execs does not miss. Raises ``OSError`` when
    even that fails.
    """
    table = _TABLES.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    return install(program(table) if table is not None else None)


def install(code: bytes | None) -> bool:
    """Puts a filter on this process and its threads to come, and in any case no_new_privs. Else as ``confine``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    if code is None:
        return False
    memory = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(memory)))
    libc.syscall.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    if libc.syscall(_TABLES[os.uname().machine][1], _SET_MODE_FILTER, _SPEC_ALLOW, header) == 0:
        return True
    return bool(libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0) == 0)


def program(table: tuple[int, int, int, tuple[int, ...]]) -> bytes:
    """The filter as classic BPF."""
    arch, _, clone, denied = table
    tests = [*denied, *_SAME_EVERYWHERE]
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),  # a system call of another ABI, like i386's
        (_LOAD, 0, 0, _NR),
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_HAS_BITS, 0, len(tests) + 5, _CLONE_THREAD),  # a thread is fine, a process is not
        (_RETURN, 0, 0, _ALLOW),
        # Its arguments lie in memory, out of a filter's sight; the C library falls back on clone.
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_AT_LEAST, len(tests) + 1, 0, _X32),
    ]
    code += [(_EQUAL, len(tests) - index, 0, number) for index, number in enumerate(tests)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return b"".join(struct.pack("HBBI", *line) for line in code)
