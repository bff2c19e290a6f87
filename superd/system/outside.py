"""What: /dev/null and /proc of the host, for a process whose root becomes a folder that has neither. Standard library only.

Runs in: launchers whose services have ``sandbox.root``; every other process finds both by their paths.
Never: given to a program: what is kept is closed when a program is executed.
"""

from __future__ import annotations

import os

_PROC = "/proc"
_kept: dict[str, int] = {}


def keep() -> None:
    """Open both, before the root changes. A host without /proc has none afterwards either. Raises ``OSError``."""
    _kept["null"] = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _kept["proc"] = os.open(_PROC, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        pass


def open_null() -> int:
    """Return a descriptor of /dev/null, to read and write. Raises ``OSError``."""
    kept = _kept.get("null")
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY) if kept is None else os.dup(kept)


def open_proc(name: str, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of a file in /proc. Raises ``OSError``."""
    kept = _kept.get("proc")
    if kept is None:
        return os.open(f"{_PROC}/{name}", flags | os.O_CLOEXEC)
    return os.open(name, flags | os.O_CLOEXEC, dir_fd=kept)
