"""What a front has counted, held for the next one: memory that each front writes into, and that outlives it.

Runs in: master.
Never: looks into what a front wrote except its length.
"""

from __future__ import annotations

import dataclasses
import os
import signal

from superd.ipc.front_orders import Begin, Fd, read_kept

AGAIN = 3
"""Fronts that may die young in a row with the same: then it may be what they die of, and the next begins without."""


class KeptMemory:
    """One memory at a time, that of the front that lives; none is ``-1``."""

    def __init__(self) -> None:
        self._memory = -1
        self.trusted = True
        """Whether the front that lives has kept to its protocol."""
        self.found = b""
        """What the last front wrote, b"" for nothing."""

    def renew(self, order: Begin) -> Begin:
        """Return the order with new memory for the front that begins with it. Raises ``OSError``."""
        self.close_copies()
        self.trusted = True
        self._memory = os.memfd_create("superd-counts", os.MFD_CLOEXEC)
        return dataclasses.replace(order, memory=Fd(self._memory))

    def ended(self, status: int, *, young: int) -> None:
        """Read what the front wrote, unless it broke its protocol or its filter, or is one of many that died ``young``."""
        broke = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS  # it called what its filter forbids
        try:
            self.found = read_kept(self._memory) or self.found if self._memory >= 0 else b""
        except OSError:
            pass  # no memory: what is known from before is better than nothing
        if not self.trusted or broke or young >= AGAIN:
            self.found = b""
        self.close_copies()

    def close_copies(self) -> None:
        """Close what only the master may hold."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1
