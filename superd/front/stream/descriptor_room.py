"""Descriptors that connections may take: all but a reserve, for the master's orders and for name look-ups.

Runs in: the front. Accepts only to refuse, with a descriptor that is kept for that; decides about no client.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superd.net.listener import Listener

RESERVE = 64
"""Descriptors that connections leave free. Under a small limit it is half of what is free before the first connection."""


class DescriptorRoom:
    """``highest`` is the descriptor of the last connection: the kernel gives the lowest that is free."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
        self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        free = max(0, self._limit - self._spare - 1)
        self.ceiling = self._limit - min(RESERVE, free // 2)
        """The first descriptor of the reserve."""
        self.highest = 0

    @property
    def small(self) -> int:
        """How many connections have room, if the reserve is smaller than it should be; else 0."""
        return max(1, self.ceiling - self._spare - 1) if self._limit - self.ceiling < RESERVE else 0

    def look(self, fd: int) -> bool:
        """Return whether a descriptor below the reserve is free. ``fd`` is any open one."""
        try:
            self.highest = os.dup(fd)
        except OSError:
            return False
        os.close(self.highest)
        return self.highest < self.ceiling

    def accept_to_refuse(self, listener: Listener) -> tuple[int, Any]:
        """Accept one connection although there is no room; ``refused`` must follow. Raises ``OSError``."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        try:
            return listener.accept()
        except OSError:
            self.refused()
            raise

    def refused(self) -> None:
        """Keep a descriptor for the next refusal: this connection is closed."""
        if self._spare < 0:
            try:
                self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                pass  # another part of the front took it; the next refusal tries without
