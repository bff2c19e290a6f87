"""Memory and processor time of programs with all that they started, from /proc. Never waits.

Runs in: cli.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def usage_of(pids: Iterable[int]) -> dict[int, tuple[int, float]]:
    """Return resident bytes and seconds of processor time by process, its living descendants included."""
    wanted = set(pids)
    if not wanted:
        return {}
    parents: dict[int, int] = {}
    own: dict[int, tuple[int, float]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (found := _read(int(name))) is not None:
            parents[int(name)], own[int(name)] = found[0], found[1:]
    totals: dict[int, tuple[int, float]] = {}
    for pid, (memory, cpu) in own.items():
        ancestor, steps = pid, 0
        while ancestor not in wanted and ancestor > 1 and steps < 100:
            ancestor, steps = parents.get(ancestor, 0), steps + 1
        if ancestor in wanted:
            before = totals.get(ancestor, (0, 0.0))
            totals[ancestor] = before[0] + memory, before[1] + cpu
    return totals


def _read(pid: int) -> tuple[int, int, float] | None:
    """Return parent, resident bytes and processor seconds of a process; None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[21]) * _PAGE, (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
