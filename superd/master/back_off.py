"""How long to wait before a process that died is started again. Pure.

Runs in: master.
Never: reads a clock; starts nothing.
"""

from __future__ import annotations

FIRST, LAST = 1.0, 8.0
"""Seconds of the first pause and of the longest; each is twice the one before. While a front pauses, all clients wait."""
FREE = 3
"""Deaths in a row without a pause, of a process that lived for ``FIRST`` seconds: a person may have ended it."""
YOUNG = 10.0
"""A process that dies younger than this many seconds, or than twice the last pause, has died of the same cause again."""


class BackOff:
    """The pause before the next start."""

    def __init__(self) -> None:
        self._pause = 0.0
        self.deaths = 0
        """How many in a row were young."""
        self.at_once = 0
        """How many in a row lived less than ``FIRST`` seconds: it cannot do its work at all."""

    def died(self, lived: float) -> float:
        """Return the seconds to wait, for a process that lived for ``lived`` seconds."""
        self.at_once = self.at_once + 1 if lived < FIRST else 0
        if lived >= max(YOUNG, 2 * self._pause):
            self._pause, self.deaths = 0.0, 0
            return 0.0
        self.deaths += 1
        if self.deaths <= FREE and lived >= FIRST:
            return 0.0
        pause = self._pause = min(LAST, max(FIRST, self._pause * 2))
        return pause

    def consequence(self, pause: float) -> str:
        """Return what the log says of the next start, ``pause`` seconds after the last death."""
        return f"starting another in {pause:g} s, it died {self.deaths} times" if pause else "starting another"
