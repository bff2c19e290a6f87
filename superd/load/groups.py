"""What: whether programs can have groups of processes (cgroup v2) here: for the superd that serves, or for this host as such.

Runs in: master's reading child, and the process that becomes the master; cli, which serves nothing.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from superd.system.cgroups import Home, host_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.cgroup import GroupPlan

MASTER = "SUPERD_MASTER"
"""Variable of superd's own processes: the number of the one whose group is divided. Without it nothing is served here."""


def group_fault() -> Callable[[GroupPlan], str]:
    """Return what says why programs cannot have such groups, or ``""``. Where superd serves, one is made to find out."""
    number = os.environ.get(MASTER, "")
    if not number.isdecimal():
        return cache(host_fault)
    homes: list[Home] = []

    @cache
    def fault(plan: GroupPlan) -> str:
        try:
            if not homes:
                homes.append(Home(int(number)))
        except OSError as problem:
            return str(problem)
        return homes[0].fault(plan)

    return fault
