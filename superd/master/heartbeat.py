"""Signs of life of the front: when the next is asked for, and until when its answer must come. Pure.

Runs in: master.
Never: reads a clock; sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.errors import ControlError
from superd.ipc.front_orders import KEPT

if TYPE_CHECKING:
    from superd.policy_snapshot import PolicySnapshot

HEARTBEAT = 5.0
"""Seconds between two signs of life that the front is asked for, at least; it keeps each for ``KEPT`` seconds, which is longer.

So an idle master wakes once for an answer and the next question: every twelve seconds.
"""
ANSWER = KEPT + 8.0
"""Seconds the front has for one: its longest step is far below one."""
BYTES_A_SECOND = 100_000
"""Bytes of policy tables for which the front gets a second more: a list of a million lines takes it minutes to compile."""
LATE = 1.0
"""Seconds after which a timer that comes late says that the master itself, or the machine, stood still."""


class Heartbeat:
    """Those of one front after another. Times are monotonic seconds; ``seen_at`` is when a front was seen alive, or begun."""

    def __init__(self, now: float) -> None:
        self._number = 0
        self._slack = 0.0
        self._asked = now
        self._ask_at: float | None = None
        self._answer_by: float | None = None
        self.seen_at = now

    @property
    def due(self) -> float | None:
        """When there is something to do; None for never."""
        return min((moment for moment in (self._ask_at, self._answer_by) if moment is not None), default=None)

    @property
    def patience(self) -> float:
        """Seconds without a sign of life after which the master itself has replaced the front, or has tried to."""
        return HEARTBEAT + ANSWER + self._slack + LATE

    def begin(self, policy: PolicySnapshot, now: float) -> None:
        """A front begins, and compiles these tables first."""
        self.seen_at = now
        self._slack = _slack(policy)

    def stop(self) -> None:
        """There is no front to be asked."""
        self._ask_at = self._answer_by = None

    def ask(self, now: float) -> int:
        """Return the number of the sign of life that is asked for now."""
        self._number += 1
        self._asked = now
        self._ask_at, self._answer_by = None, now + ANSWER + self._slack
        return self._number

    def answered(self, number: int, now: float) -> None:
        """Take note of a sign of life. Raises ``ControlError`` for one that was not asked for."""
        if number != self._number or self._answer_by is None:
            raise ControlError("a sign of life that was not asked for")
        self._answer_by = None
        self._slack = 0.0
        self.seen_at = now
        self._ask_at = max(now, self._asked + HEARTBEAT)

    def allow(self, policy: PolicySnapshot) -> None:
        """Give the front more time: it gets these tables."""
        self._slack = _slack(policy)
        if self._answer_by is not None:
            self._answer_by += self._slack

    def wants_sign(self, now: float) -> bool:
        """Return whether the next sign is to be asked for."""
        return self._ask_at is not None and now >= self._ask_at

    def overdue(self, now: float) -> bool:
        """Return whether an answer did not come in time, while the master itself was awake."""
        if self._answer_by is None or now < self._answer_by:
            return False
        if now - self._answer_by > LATE:
            # The master stood still, and perhaps the front with it: a frozen container, a loaded machine.
            self.wait(ANSWER, now)
            return False
        return True

    def wait(self, seconds: float, now: float) -> None:
        """Give the answer ``seconds`` more from now."""
        self._answer_by = now + seconds


def _slack(policy: PolicySnapshot) -> float:
    """Return the seconds that the front may take longer for these tables."""
    size = len(policy.allow or b"") + len(policy.deny or b"") + sum(len(data) for data in policy.files.values())
    return size / BYTES_A_SECOND
