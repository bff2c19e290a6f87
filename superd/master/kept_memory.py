"""What a front has counted, held for the next one: memory that each front writes into, and that outlives it.

Runs in: master.
Never: looks into what a front wrote except its length.
"""

from __future__ import annotations

import os

from superd.ipc.front_orders import read_kept

AGAIN = 3
"""Fronts that may die young in a row with the same: then it may be what they die of, and the next begins without."""


class KeptMemory:
    """One memory at a time, that of the front that lives; none is ``-1``."""

    def __init__(self) -> None:
        self._memory = -1
        self.found = b""
        """What the last front wrote, b"" for nothing."""

    def renew(self) -> int:
        """Return new memory for a front that begins. Raises ``OSError``."""
        self.close_copies()
        self._memory = os.memfd_create("superd-counts", os.MFD_CLOEXEC)
        return self._memory

    def ended(self, *, trusted: bool, young: int) -> None:
        """Read what the front that has ended wrote, unless it broke its protocol or is one of many that died ``young``."""
        try:
            self.found = read_kept(self._memory) or self.found if self._memory >= 0 else b""
        except OSError:
            pass  # no memory: what is known from before is better than nothing
        if not trusted or young >= AGAIN:
            self.found = b""
        self.close_copies()

    def close_copies(self) -> None:
        """Close what only the master may hold."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1
