"""What programs left whose launcher died: given to the next launcher of the same identity, which ends it.

What: remembers such programs until they and what they left have ended, and says when the master's children are to be looked at.
Runs in: master (root).
Never: reads what a process can make it wait for, as an environment is; signals nothing itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from superd.ipc.launcher_control import Bequeathed, Bequest
from superd.system.process_state import own_children, real_user_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from superd.ipc.running_table import Entry
    from superd.launch_spec import LaunchSpec
    from superd.master.launcher_slot import LauncherSlot

LOOK_SECONDS = 0.2
"""From an end to the look at what was left, as in launchers: one look for all that ends meanwhile."""
AGAIN = 1.0
"""Between two looks for what a program has left: what is executed just then has no environment, and may fork."""
PATIENCE = 5.0
"""Seconds beyond a service's grace in which what its program left may leave something in its turn."""


class Bequests:
    """``due`` is when ``take`` has something to return (monotonic), or None."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, tuple[Bequeathed, float, float]]] = {}
        """By launcher and process: a program, its grace, and until when what it left is looked for (0: it runs)."""
        self.due: float | None = None

    def table(self) -> list[list[Any]]:
        """Return all of them for the next program of this process."""
        return [
            [number, grace, until, one.pid, one.service, one.source, one.port, one.started, one.over]
            for number, programs in self._of.items()
            for one, grace, until in programs.values()
        ]

    def take_over(self, table: Iterable[list[Any]], now: float) -> None:
        """Go on with those of this process's earlier program."""
        for number, grace, until, *facts, over in table:
            program = Bequeathed(*facts, over=over)
            self._of.setdefault(number, {})[program.pid] = (program, grace, until)
            self.due = now

    def launcher_died(
        self,
        number: int,
        entries: Iterable[Entry],
        living: Collection[int],
        services: Mapping[int, str],
        specs: Mapping[str, LaunchSpec],
        now: float,
    ) -> None:
        """Launcher ``number`` died; of its table's ``entries`` those whose process is ``living`` run on.

        One that was just being started may run, and no process of superd knows it; the front gives its session up.

        ``services`` are names by index, ``specs`` what they are started with. What it wrote is not believed further than to
        end processes of its own user: the launcher that ends them has no other.
        """
        programs = self._of.setdefault(number, {})
        for entry in entries:
            spec = specs.get(services.get(entry.index, ""))
            over = not entry.conn or not entry.pid
            if spec is None or (entry.pid and spec.leftovers_grace < 0) or not (over or entry.pid in living):
                continue
            program = Bequeathed(entry.pid, services[entry.index], entry.source, entry.port, entry.started, over=over)
            grace = max(spec.leftovers_grace, 0.0)
            programs[entry.pid] = (program, grace, self._until(grace, now) if over else 0.0)
            if over:
                self.due = now + LOOK_SECONDS
        if not programs:
            del self._of[number]

    def child_ended(self, pid: int, now: float) -> None:
        """A child of the master ended: a program that had lost its launcher, or something that one has left."""
        for programs in self._of.values():
            if pid in programs and not programs[pid][0].over:
                one, grace, _ = programs[pid]
                over = Bequeathed(pid, one.service, one.source, one.port, one.started, over=True)
                programs[pid] = (over, grace, self._until(grace, now))
        if self.due is None and any(one.over for programs in self._of.values() for one, _, _ in programs.values()):
            self.due = now + LOOK_SECONDS

    def take(self, slots: Iterable[LauncherSlot], now: float) -> list[tuple[LauncherSlot, Bequest]]:
        """Return what is for which launcher, and forget programs that have had their time."""
        if self.due is None or now < self.due:
            return []
        of_number = {slot.number: slot for slot in slots}
        found: list[tuple[LauncherSlot, Bequest]] = []
        children: dict[int, int] | None = None
        later: list[float] = []
        for number, programs in list(self._of.items()):
            slot = of_number[number]
            if slot.start_at is not None:  # it died at once: the next one comes later
                later.append(slot.start_at)
                continue
            if any(one.over for one, _, _ in programs.values()):
                children = children if children is not None else {pid: real_user_of(pid) for pid in own_children()}
                users = slot.users or range(os.getuid(), os.getuid() + 1)
                mine = [pid for pid, user in children.items() if user in users and pid not in programs]
                if mine:
                    found.append((slot, Bequest(mine, [one for one, _, _ in programs.values()])))
            for pid in [pid for pid, (one, _, until) in programs.items() if one.over and until <= now]:
                del programs[pid]
            if not programs:
                del self._of[number]
        if any(one.over for rest in self._of.values() for one, _, _ in rest.values()):
            later.append(now + AGAIN)
        self.due = min(later, default=None)
        return found

    def _until(self, grace: float, now: float) -> float:
        return now + LOOK_SECONDS + grace + PATIENCE
