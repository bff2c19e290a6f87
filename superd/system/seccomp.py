"""What: puts a seccomp(2) filter on a process. By hand: the one library for it is not installed everywhere.

Runs in: front, relay. Never: makes the filter (``allow_list.py`` does).
"""

from __future__ import annotations

import ctypes
import os
import struct

from superd.system import prctl

SECCOMP = {"x86_64": 317, "aarch64": 277}
"""seccomp(2) itself."""
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2
"""Without it kernels before 5.16 slow the whole process down (speculative store bypass)."""


def install(code: bytes | None) -> bool:
    """Put ``code`` on this process and its threads to come, and in any case no_new_privs. Return whether there is a filter.

    Works without root: no_new_privs comes first, which a process that never execs does not miss. Raises ``OSError`` when even
    that fails.
    """
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    if code is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(memory)))
    libc.syscall.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    if libc.syscall(SECCOMP[os.uname().machine], _SET_MODE_FILTER, _SPEC_ALLOW, header) == 0:
        return True
    return bool(libc.prctl(prctl.SET_SECCOMP, 2, header, 0, 0) == 0)
