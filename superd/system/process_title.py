"""What `ps` shows of a process: overwrites the memory of its arguments, as servers do. Standard library only.

Runs in: master, front, launcher, each for itself.
Never: fails; where the kernel does not say where the arguments are, the title stays.
"""

from __future__ import annotations

import ctypes

_PR_SET_NAME = 15
_ARG_START, _ARG_END = 47, 48
"""Fields of /proc/self/stat, counted from 0 (proc(5))."""


def set_title(title: str) -> None:
    """Show ``title`` as the command line, cut to the room that the arguments had, and as the name (15 bytes)."""
    data = title.encode("ascii", "replace")
    ctypes.CDLL(None).prctl(_PR_SET_NAME, ctypes.c_char_p(data[:15]), 0, 0, 0)
    try:
        with open("/proc/self/stat", "rb") as stat:
            # The name, in brackets, may hold spaces and brackets.
            fields = stat.read().rpartition(b")")[2].split()
        start, end = int(fields[_ARG_START - 2]), int(fields[_ARG_END - 2])
    except (OSError, ValueError, IndexError):
        return
    room = end - start
    if start <= 0 or room <= 1:
        return  # another user's view, or a kernel that hides it
    # The last byte stays 0: else the kernel takes the environment for a part of the title (fs/proc/base.c).
    text = data[: room - 1]
    ctypes.memset(start, 0, room)
    ctypes.memmove(start, text, len(text))
