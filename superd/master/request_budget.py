"""What a front may ask: a budget of requests, and of the master's own time. Pure.

Runs in: master.
Never: reads a clock; the caller says what time it is.
"""

from __future__ import annotations

AT_ONCE, A_SECOND = 200.0, 60.0
"""Most requests are one for each order, and for tables that change all the time one each 20 ms."""
TIME_SHARE = 0.5
"""The part of the master's time that requests may use for good; ``AT_ONCE`` is a burst of 1.7 s."""


class RequestBudget:
    """The budget of one front, since ``now`` (monotonic seconds)."""

    def __init__(self, now: float) -> None:
        self._left, self._since = AT_ONCE, now

    def charge(self, cost: float, now: float) -> bool:
        """Take ``cost`` requests off; return whether the front may go on."""
        self._left = min(AT_ONCE, self._left + (now - self._since) * A_SECOND) - cost
        self._since = now
        return self._left >= 0

    def charge_time(self, seconds: float, now: float) -> bool:
        """Take off what a request cost that held the master for ``seconds``; return whether the front may go on."""
        return self.charge(seconds * A_SECOND / TIME_SHARE, now)
