"""Lanes: how many launchers a profile has, and which of them stand still in a start that does not return.

What: adds a lane for each launcher of a profile that stands still, so that its user's other services go on.
Runs in: master.
Never: starts or ends a launcher; ``LauncherPool`` does.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.launch_spec import Profile
    from superd.master.assignment import Assignment
    from superd.master.launcher_slot import LauncherSlot

LANES = min(2, os.cpu_count() or 1)
"""Launchers of one identity. A launcher stands still while its program execs; the second starts when the first is busy."""
MAX_LANES = 8
"""Launchers of one profile at most: one more for each service whose program's start does not return."""
STUCK = 0.5
"""Seconds after which a start stands still; the front asks after a second without a report."""


class Lanes:
    """The launchers of each profile beyond ``LANES``: as many of the others stood still."""

    def __init__(self) -> None:
        self._extra: Counter[Profile] = Counter()

    def took_over(self, profile: Profile, lane: int) -> None:
        """Count a lane that an earlier program of this process has added."""
        if lane >= LANES:
            self._extra[profile] = max(self._extra[profile], lane - LANES + 1)

    def add(self, profile: Profile, number: int) -> bool:
        """Give a profile that has ``number`` lanes another; False when it has as many as one may have."""
        if number >= MAX_LANES:
            return False
        self._extra[profile] += 1
        return True

    def added_to(self, assignment: Assignment) -> Assignment:
        """Return the assignment with the added lanes, which start what the first lane of their profile does."""
        if not self._extra:
            return assignment
        specs, launchers_of = dict(assignment.specs), dict(assignment.launchers_of)
        users = dict(assignment.users)
        for profile, extra in self._extra.items():
            first = (profile, 0)
            keys = tuple((profile, lane) for lane in range(LANES, LANES + extra))
            if first not in specs:
                continue
            specs.update(dict.fromkeys(keys, specs[first]))
            users.update(dict.fromkeys(keys, users.get(first, "")))
            for name, own in launchers_of.items():
                if own and own[0][0] == profile:
                    launchers_of[name] = (*(key for key in own if key not in keys), *keys)
        return replace(assignment, specs=specs, launchers_of=launchers_of, users=users)


def stands_still(slot: LauncherSlot, services: Mapping[int, str], now: float) -> bool:
    """Return whether the launcher of a slot does nothing: it is stopped, or hangs in a start. ``services`` by their index."""
    return slot.process is not None and (bool(starting(slot, services, now)) or slot.process.stands_still())


def what_it_does(slot: LauncherSlot, service: str) -> str:
    """Return in words what a launcher does that stands still in a start for ``service``, or for none."""
    spec = slot.specs.get(service)
    return f"starting `{spec.program}` takes more than {STUCK:g} s" if spec is not None else "it does nothing"


def starting(slot: LauncherSlot, services: Mapping[int, str], now: float) -> str:
    """Return the service whose program the launcher has been starting for ``STUCK`` seconds, if there is one."""
    if slot.process is None:
        return ""
    for entry in slot.process.programs():
        if entry.pid == 0 and entry.started <= now - STUCK and entry.index in services:
            return services[entry.index]
    return ""
