"""What another process does just now, from /proc. Standard library only; never waits.

Runs in: master, for processes that it started.
"""

from __future__ import annotations

import os
import resource

from superd.system.credentials import may_trace

_WORDS = {
    "R": "it runs without a pause",
    "S": "it waits",
    "D": "it waits in the kernel and cannot be interrupted",
    "T": "it was stopped by a signal",
    "t": "a debugger holds it",
    "Z": "it has ended",
}


def state_of(pid: int) -> str:
    """Return the state letter of proc(5), ``""`` if the process or /proc does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0].decode("ascii", "replace")
    except (OSError, IndexError):
        return ""


def zombie_status(pid: int) -> int | None:
    """Return the wait(2) status of a process that ended and was not reaped; None for any other, and for who may not see it.

    The kernel shows 0 to who may not, root without CAP_SYS_PTRACE too: not to be taken for an exit.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return int(fields[49]) if fields[0] == b"Z" and may_trace() else None
    except (OSError, IndexError, ValueError):
        return None


def real_user_of(pid: int) -> int:
    """Return the real user id of a process, -1 if it or /proc does not exist. A set-uid program does not change it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            return next((int(line.split()[1]) for line in status if line.startswith(b"Uid:")), -1)
    except (OSError, ValueError, IndexError):
        return -1


def own_children() -> list[int]:
    """Return the children of this process, which has one thread; none without /proc."""
    try:
        with open("/proc/thread-self/children", "rb") as children:
            return [int(word) for word in children.read().split()]
    except OSError:
        return []


def describe_state(pid: int) -> str:
    """Return what the process does in words, with the kernel function it waits in, if /proc says."""
    state = state_of(pid)
    words = _WORDS.get(state, "its state is unknown")
    if state in ("S", "D"):
        try:
            with open(f"/proc/{pid}/wchan", "rb") as wchan:
                where = wchan.read(64).decode("ascii", "replace")
        except OSError:
            where = ""
        if where not in ("", "0"):
            words += f" ({where})"
    return words


def own_size() -> int:
    """Return the bytes of this process's address space, 0 without /proc."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def resident(pid: int) -> dict[str, int]:
    """Return ``memory``, the resident bytes of a process, and ``descriptors``, how many it has open; {} where unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            memory = int(statm.read().split()[1]) * resource.getpagesize()
        return {"memory": memory, "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
    except (OSError, ValueError, IndexError):
        return {}
