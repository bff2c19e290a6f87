"""What: prctl(2), by the names of its options. Standard library only; a launcher loads it.

Runs in: every process of superd. Never: decides.
"""

from __future__ import annotations

import ctypes
import os

SET_PDEATHSIG = 1
SET_DUMPABLE = 4
SET_KEEPCAPS = 8
SET_SECCOMP = 22
CAPBSET_READ = 23
CAPBSET_DROP = 24
SET_CHILD_SUBREAPER = 36
SET_NO_NEW_PRIVS = 38
CAP_AMBIENT = 47
CAP_AMBIENT_RAISE = 2
CAP_AMBIENT_CLEAR_ALL = 4


def prctl(option: int, first: int = 0, second: int = 0, third: int = 0, fourth: int = 0) -> int:
    """Return what the kernel returns. Raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    result: int = libc.prctl(option, first, second, third, fourth)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
    return result
