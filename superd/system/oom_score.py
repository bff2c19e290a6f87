"""How likely the kernel ends a process when memory runs out (oom_score_adj of proc(5)). Standard library only.

Runs in: master (protects itself), and for its children, which are as likely as any process.
Never: fails; without the right, or without /proc, everything stays as it is.
"""

from __future__ import annotations

PROTECTED = -900
"""The master holds every listener: a program that uses too much memory is to end before it."""


def protect() -> None:
    """Make this process the last to end. Needs CAP_SYS_RESOURCE."""
    if _read() > PROTECTED:
        _write("self", PROTECTED)


def reset(pid: int | None = None) -> None:
    """Give this process, or ``pid``, no protection. Every process may do that."""
    if _read(pid) < 0:
        _write("self" if pid is None else str(pid), 0)


def _read(pid: int | None = None) -> int:
    try:
        with open(f"/proc/{'self' if pid is None else pid}/oom_score_adj", "rb") as file:
            return int(file.read(16))
    except (OSError, ValueError):
        return 0


def _write(pid: str, value: int) -> None:
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(value))
    except OSError:
        pass
