"""What admission asks about besides the peer: load, clock, limits of all services, banned addresses. Decides nothing."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from superd.policy.penalties import sensors_table
from superd.policy.wished import Wished

if TYPE_CHECKING:
    from superd.settings import Settings

LOAD_AGE = 1.0
"""Seconds the load average is believed; the kernel renews it every 5."""


class FrontConditions:
    """The ``Conditions`` of ``policy/admission.py``, as this front has them."""

    def __init__(self, settings: Settings) -> None:
        self._process_limit = settings.process_limit
        self.sensors = sensors_table()
        self.wished = Wished()
        self._load: tuple[float, float] = (-LOAD_AGE, 0.0)

    def load(self, now: float) -> float:
        """The one-minute load, at most a second old."""
        if now - self._load[0] >= LOAD_AGE:
            self._load = (now, os.getloadavg()[0])
        return self._load[1]

    def minute_of_week(self) -> tuple[int, int]:
        """Local weekday (Monday is 0) and minute of the day."""
        local = time.localtime()
        return local.tm_wday, local.tm_hour * 60 + local.tm_min

    def process_limit(self) -> int | None:
        """Programs at once over all services."""
        return self._process_limit

    def configure(self, settings: Settings) -> None:
        """Take the limit on programs from the settings."""
        self._process_limit = settings.process_limit
