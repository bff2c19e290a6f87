"""How much memory processes have: their own, and with the kernel's share, which only a memory cgroup tells."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from stand import tree

MIB = 1024.0


def rollup(pid: int) -> dict[str, float]:
    """KiB of ``rss``, ``pss`` and ``private`` memory of one process."""
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        found[name] = float(value.split()[0])
    return {"rss": found["Rss"], "pss": found["Pss"], "private": found["Private_Clean"] + found["Private_Dirty"]}


def pss_of(pid: int) -> float:
    """KiB of a process and all its descendants, what they share counted once."""
    total = 0.0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            total += rollup(each)["pss"]
    return total


def front_of(master: int) -> int:
    """superd's front: the child that is not a launcher."""
    return next(pid for pid in _children(master) if not _is_launcher(pid))


def launchers_of(master: int) -> list[int]:
    """superd's launchers."""
    return [pid for pid in _children(master) if _is_launcher(pid)]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_launcher(pid: int) -> bool:
    return b"launcher" in Path(f"/proc/{pid}/cmdline").read_bytes()


@contextlib.contextmanager
def cage() -> Iterator[str]:
    """The path of a memory cgroup of our own, or ``""`` where none can be made."""
    top = Path("/sys/fs/cgroup")
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    if "memory" in own:
        folder = top / "memory" / own["memory"].lstrip("/") / f"superd-bench-{os.getpid()}"
    else:
        # A version 2 group that has processes passes no controller on: ours lies at the top.
        folder = top / f"superd-bench-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        yield ""
        return
    try:
        yield str(folder) if _usage(folder) is not None else ""
    finally:
        for _ in range(50):
            try:
                folder.rmdir()
                break
            except OSError:
                time.sleep(0.1)  # its last processes are just ending


def _usage(folder: Path) -> int | None:
    for name in ("memory.current", "memory.usage_in_bytes"):
        with contextlib.suppress(OSError):
            return int((folder / name).read_text())
    return None


def caged(folder: str) -> float:
    """KiB that the group has, the kernel's for its sockets included; not a number where there is no group."""
    found = _usage(Path(folder)) if folder else None
    return float("nan") if found is None else found / 1024
