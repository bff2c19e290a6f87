"""The service manager's watchdog (WatchdogSec=), fed while a front shows signs of life.

What: says WATCHDOG=1 three times in each period, as long as the front's loop answers or a front is being replaced.
Runs in: master.
Never: feeds it for a front that stands still longer than the master leaves it: then the manager restarts all of superd.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.master.front_child import FrontChild
    from superd.master.notify import Notifier


class Watchdog:
    """``due`` is when it is to be fed (monotonic), or None: there is none."""

    def __init__(self, notifier: Notifier, environ: Mapping[str, str], front: FrontChild) -> None:
        self._notifier = notifier
        self._front = front
        period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(os.getpid()))
        wanted = period.isascii() and period.isdecimal() and int(period) > 0 and pid == str(os.getpid())
        self._period = int(period) / 1e6 if wanted else 0.0
        self.due: float | None = time.monotonic() if wanted else None

    def on_timer(self, now: float) -> None:
        """Feed it when that is due."""
        # Earlier where the master is awake anyway: an idle one need not wake for this.
        if self.due is None or now < self.due - self._period / 5:
            return
        self.due = now + self._period / 3
        if now - self._front.alive_at < max(self._period, self._front.patience):
            self._notifier.alive()
