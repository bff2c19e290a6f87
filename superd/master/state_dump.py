"""The memory that a front writes its state into, and the master reads once.

Runs in: master.
Never: takes a state that was not asked for.
"""

from __future__ import annotations

import os

from superd.errors import ControlError
from superd.ipc.front_requests import MAX_DUMP


class StateDump:
    """The one that is asked for, or none."""

    def __init__(self) -> None:
        self._memory = -1

    def ask(self) -> int:
        """Return new memory for the front to write to; it stays this object's. Raises ``OSError`` without room for it."""
        self.forget()
        self._memory = os.memfd_create("superd-dump", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        return self._memory

    def take(self, size: int) -> bytes:
        """Return what the front wrote. Raises ``ControlError`` if it was not asked for."""
        if self._memory < 0:
            raise ControlError("a dump that was not asked for")
        try:
            return os.pread(self._memory, min(size, MAX_DUMP), 0)
        finally:
            self.forget()

    def forget(self) -> None:
        """Take none that was asked for before."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1
