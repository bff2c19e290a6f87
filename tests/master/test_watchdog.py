"""The watchdog is fed while the front lives, and not for one that stands still for too long."""

from __future__ import annotations

import os
import time
from typing import Any, cast

from superd.master.watchdog import Watchdog


class Front:
    alive_at = 0.0
    patience = 20.0


class Notifier:
    fed = 0

    def alive(self) -> None:
        self.fed += 1


def made(**environ: str) -> tuple[Watchdog, Front, Notifier]:
    front, notifier = Front(), Notifier()
    front.alive_at = time.monotonic()
    return Watchdog(cast("Any", notifier), environ, cast("Any", front)), front, notifier


def test_it_is_fed_three_times_in_a_period_while_the_front_lives() -> None:
    watchdog, front, notifier = made(WATCHDOG_USEC="60000000", WATCHDOG_PID=str(os.getpid()))
    now = front.alive_at + 1
    watchdog.on_timer(now)
    watchdog.on_timer(now + 7.9)
    assert (notifier.fed, watchdog.due) == (1, now + 20)
    watchdog.on_timer(now + 8.1)  # it was awake for another reason
    assert (notifier.fed, watchdog.due) == (2, now + 28.1)
    watchdog.on_timer(now + 58)
    assert notifier.fed == 3
    watchdog.on_timer(now + 120)
    assert notifier.fed == 3
    front.alive_at = now + 130
    watchdog.on_timer(now + 141)
    assert notifier.fed == 4


def test_a_short_period_leaves_the_master_the_time_to_replace_the_front() -> None:
    watchdog, front, notifier = made(WATCHDOG_USEC="3000000")
    watchdog.on_timer(front.alive_at + 19)
    assert notifier.fed == 1
    watchdog.on_timer(front.alive_at + 21)
    assert notifier.fed == 1


def test_without_one_nothing_is_due() -> None:
    for environ in ({}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}):
        assert made(**environ)[0].due is None
