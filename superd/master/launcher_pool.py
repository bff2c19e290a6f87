"""The master's launchers: some for each profile in use. The first start with superd, others at a request.

What: deals an assignment out to slots, starts launchers when a request waits for them, replaces those that die or stand still.
Runs in: master.
Never: reads what the front sends to launchers. The master keeps both ends of each pair, as it keeps the listeners: requests
that wait in it outlive either process. A launcher that does not run is one whose end the master watches.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from superd.ipc.front_orders import Fd, Launching, Orphaned
from superd.ipc.launcher_control import BROKEN, DROPPED, EMPTIED, WANTED
from superd.log.event import Kind
from superd.master.adopted import UNKNOWN, Adopted
from superd.master.assignment import Assignment, Key
from superd.master.bequests import Bequests
from superd.master.lanes import Lanes, stands_still, starting, what_it_does
from superd.master.launcher_bundle import launcher_bundle
from superd.master.launcher_child import outlive_all, start_launcher
from superd.master.launcher_slot import LauncherSlot
from superd.master.orphans import Orphans, whose_programs
from superd.master.program_groups import ProgramGroups
from superd.master.wait_status import describe
from superd.system import core_limit, oom_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.launch_spec import LaunchSpec
    from superd.log.log import Log
    from superd.master.launcher_child import LauncherProcess
    from superd.registry import Registry

MAX_FAILURES = 3
"""From so many deaths in a row on, each within a second, a launcher loses what waits for it: clients get an end, not silence."""
STOPPED_GRACE = 10.0
"""Seconds that a launcher may stand still by a signal: its own programs can send one, and all its services stand with it."""
EARLY = 4
"""Launchers that start with superd, not at the first request: the first client of most hosts finds one running."""


class LauncherPool:
    """All launchers of one master."""

    def __init__(self, log: Log, poll: select.poll, adopted: Adopted | None = None) -> None:
        self._log = log
        self._poll = poll
        self._adopted = adopted or Adopted(poll)
        self._slots: dict[Key, LauncherSlot] = {}
        self._new: list[LauncherSlot] = []
        self._indexes: dict[str, int] = {}
        """A number for each service that ever was, for the tables of programs."""
        self._options: dict[str, tuple[str, str]] = {}
        self._former_options: dict[str, tuple[str, str]] = {}
        self.launching = Launching()
        self._assignment = Assignment()
        self._lanes = Lanes()
        self._orphaned: list[Orphaned] = []
        self._foreign: set[int] = set()
        """Launchers that an earlier master started, before a restart."""
        self.orphans = Orphans(self._adopted)
        self.bequests = Bequests()
        self.groups = ProgramGroups(log, pid=os.getpid())
        self.stderr = 2
        """What launchers get as fd 2."""
        self.any_died = False
        """Whether a launcher has died: its programs are the master's children since then."""

    def table(self) -> dict[str, Any]:
        """Return the launchers for the next program of this process."""
        rows = [{"lane": lane} | slot.row() for (_, lane), slot in self._slots.items()]
        left = {"orphans": self.orphans.table(), "bequests": self.bequests.table()}
        return {"slots": rows, "indexes": self._indexes, "any_died": self.any_died} | left

    def take_over(self, table: dict[str, Any]) -> None:
        """Go on with the launchers of this process's earlier program."""
        for row in table["slots"]:
            slot = LauncherSlot.of_row(row)
            self._slots[slot.profile, row["lane"]] = slot
            self._lanes.took_over(slot.profile, row["lane"])
            if slot.process is None:
                self._poll.register(slot.launcher_end, select.POLLIN)
            else:
                if slot.process.pid in self._adopted:
                    self._foreign.add(slot.process.pid)
                self._poll.register(slot.process.control, select.POLLIN)
        self._indexes.update(table["indexes"])
        self.orphans.take_over(table["orphans"])
        self.bequests.take_over(table.get("bequests", ()), time.monotonic())
        self.any_died = table["any_died"]

    def replace_all(self) -> None:
        """End every launcher that runs: another version's. Their programs run on, as orphans."""
        for slot in self._slots.values():
            if slot.process is not None:
                slot.renew_pair()
                self._kill(slot.process)

    def outlive(self, grace: float) -> None:
        """Have every launcher live on for another master, and wait for the word of each.

        If no other comes they end their programs after ``grace`` seconds, with a negative one they leave them alone.
        """
        outlive_all([slot.process for slot in self._slots.values() if slot.process is not None], grace, self._log)

    def pairs(self) -> dict[int, Fd]:
        """Return the front's end of every pair, by number: for a new front, which then knows them all."""
        self._new.clear()
        return {slot.number: Fd(slot.front_end.fileno()) for slot in self._slots.values()}

    def take_new(self) -> dict[int, Fd]:
        """Return the pairs that the front does not know yet, and take it that it learns of them now."""
        found = {slot.number: Fd(slot.front_end.fileno()) for slot in self._new}
        self._new.clear()
        return found

    def running(self) -> frozenset[int]:
        """Return the numbers of the launchers that have a process."""
        return frozenset(slot.number for slot in self._slots.values() if slot.process is not None)

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic); None for never."""
        times = (self.groups.due, self.bequests.due, *(slot.due() for slot in self._slots.values()))
        return min((moment for moment in times if moment is not None), default=None)

    # ------------------------------------------------------------------ what they may start

    def assign(self, assignment: Assignment) -> None:
        """Make a slot for every launcher of the assignment, and tell running launchers what is new."""
        self._assignment = assignment = self._lanes.added_to(assignment)
        self.groups.assign(assignment.groups)
        now = time.monotonic()
        for key in assignment.specs:
            if key not in self._slots:
                slot = self._slots[key] = LauncherSlot(len(self._slots), key[0])
                self._new.append(slot)
                self._poll.register(slot.launcher_end, select.POLLIN)
        self._former_options, self._options = self._options, dict(assignment.options)
        for key, slot in self._slots.items():
            slot.assign(assignment.specs.get(key, {}), now)
            slot.user = assignment.users.get(key, slot.user)
            if slot.process is not None:
                slot.process.configure(self._messages(slot.specs), self._options)
        self.launching = Launching(
            {name: tuple(self._slots[key].number for key in keys) for name, keys in assignment.launchers_of.items()},
            {names: self._slots[key].number for names, key in assignment.launcher_for.items()},
            None if assignment.command_launcher is None else self._slots[assignment.command_launcher].number,
        )
        for name in assignment.unknown:
            self._log.message("error", f"user or group `{name}` of a rule does not exist; its clients are refused")

    def _messages(self, specs: Mapping[str, LaunchSpec]) -> dict[str, dict[str, Any]]:
        return {name: spec.message(self._indexes.setdefault(name, len(self._indexes))) for name, spec in specs.items()}

    def start_early(self, registry: Registry) -> None:
        """Start launchers of the profiles that most programs have, one each, while the front prepares itself."""
        first = Counter(self.launching.launchers_of[name][0] for name, service in registry.services.items() if service.server)
        wanted = {number for number, _ in first.most_common(EARLY)}
        for slot in self._slots.values():
            if slot.number in wanted and slot.process is None:
                self._wake(slot)

    # ------------------------------------------------------------------ events of the master's loop

    def on_readable(self, fd: int) -> str:
        """A request waits for a launcher that does not run, or a launcher sent a word. Return what it says against the front."""
        for slot in self._slots.values():
            if slot.process is not None and fd == slot.process.control.fileno():
                return self._on_control(slot, slot.process)
            if fd == slot.launcher_end.fileno():
                self._wake(slot)
                return ""
        return ""

    def on_timer(self, now: float) -> None:
        """Watch again what died too quickly, and replace what stands still."""
        self.groups.on_timer(now)
        for slot in self._slots.values():
            if slot.stopped_by is not None and now >= slot.stopped_by:
                slot.stopped_by = None
                if slot.process is not None and slot.process.stands_still():
                    what = f"launcher {slot.number} was stopped by a signal; it is being replaced"
                    self._log.message("alert", what, kind=Kind.PROCESS_REPLACED)
                    self._kill(slot.process)  # its programs run on, its end is reported by SIGCHLD
            if slot.start_at is not None and now >= slot.start_at:
                slot.start_at = None
                self._poll.register(slot.launcher_end, select.POLLIN)
        for slot, bequest in self.bequests.take(self._slots.values(), now):
            if slot.process is None:
                self._wake(slot)
            if slot.process is not None:
                slot.process.bequeath(bequest)

    def _kill(self, process: LauncherProcess) -> None:
        try:
            if not self._adopted.kill(process.pid, signal.SIGKILL):
                process.kill()
        except OSError as problem:
            self._log.message("alert", f"the launcher (pid {process.pid}) cannot be killed: {problem.strerror}")

    def stopped(self, pid: int, now: float) -> None:
        """A child of the master was stopped by a signal."""
        for slot in self._slots.values():
            if slot.process is not None and slot.process.pid == pid and slot.stopped_by is None:
                slot.stopped_by = now + STOPPED_GRACE

    def stuck(self, number: int) -> str | None:
        """The front hears nothing of launcher ``number``, which has work. Return the service it stands still for.

        Gives its profile another launcher if all of them stand still. Returns ``""`` for an unknown service, None when the
        launcher does not stand still.
        """
        now = time.monotonic()
        slot = next((slot for slot in self._slots.values() if slot.number == number), None)
        if slot is None or not stands_still(slot, self._services_of(slot), now):
            return None
        service = starting(slot, self._services_of(slot), now)
        what = what_it_does(slot, service)
        same = [other for other in self._slots.values() if other.profile == slot.profile]
        if all(stands_still(other, self._services_of(other), now) for other in same):
            if self._lanes.add(slot.profile, len(same)):
                self.assign(self._assignment)
                what += "; the other services of its user get another launcher"
            else:
                what += f"; so do all {len(same)} launchers of its user, whose services wait"
        self._log.message("alert", f"launcher {number} (pid {slot.process.pid if slot.process else 0}): {what}", service)
        return service

    def _services_of(self, slot: LauncherSlot) -> dict[int, str]:
        return {self._indexes[name]: name for name in slot.names if name in self._indexes}

    def take_orphaned(self) -> list[Orphaned]:
        """Return what launchers left that died since the last call."""
        found, self._orphaned = self._orphaned, []
        return found

    def pids(self) -> tuple[int, ...]:
        """Return the process numbers of all launchers that run."""
        return tuple(slot.process.pid for slot in self._slots.values() if slot.process is not None)

    def ended(self, pid: int, status: int, own: tuple[int, ...] = ()) -> bool:
        """A child of the master ended; return whether it was a launcher. ``own`` are superd's other processes."""
        slot = next((slot for slot in self._slots.values() if slot.process is not None and slot.process.pid == pid), None)
        if slot is None or slot.process is None:
            return False
        if status == UNKNOWN:  # it ends by itself without a program only
            status = int(signal.SIGKILL) if any(entry.conn for entry in slot.process.programs()) else 0
        entries = slot.process.programs() if status != 0 else []
        living = [entry for entry in entries if entry.conn]
        names = self._services_of(slot)
        self._forget(slot)
        self.groups.launcher_ended(slot.number, frozenset(entry.pid for entry in living if entry.pid))
        now = time.monotonic()
        inherited = pid not in self._foreign
        self._foreign.discard(pid)
        left = self.orphans.left(slot.number, slot.users, living, names, {*own, *self.pids()}, now, inherited=inherited)
        self._orphaned += [left] if left is not None else []
        if inherited:
            self.bequests.launcher_died(slot.number, entries, self.orphans.pids(), names, slot.all_specs(now), now)
        if status == 0:  # it was idle for long
            self._poll.register(slot.launcher_end, select.POLLIN)
            return True
        self.any_died = True
        pause = slot.back_off.died(now - slot.started)
        whose = whose_programs(Counter(names[entry.index] for entry in living if entry.index in names))
        what = f"launcher {slot.number} ended ({describe(status)})"
        self._log.message("crit", f"{what}{whose}; {slot.back_off.consequence(pause)}", kind=Kind.PROCESS_REPLACED)
        if pause:
            slot.start_at = now + pause
            if slot.back_off.at_once >= MAX_FAILURES:
                slot.renew_pair()
                self._new.append(slot)
        else:
            self._poll.register(slot.launcher_end, select.POLLIN)
        return True

    def _on_control(self, slot: LauncherSlot, process: LauncherProcess) -> str:
        complaint = process.complaint()
        if complaint is None:
            self._poll.unregister(process.control)
            return ""
        word, why = complaint
        if word in (WANTED, EMPTIED):
            self.groups.on_word(slot.number, word, why, self._services_of(slot), process.give_group)
        if word not in (BROKEN, DROPPED):
            return ""
        if word == DROPPED:
            self._log.message("alert", f"launcher {slot.number} lost its connection to the front ({why}); it gets another")
            self._new.append(slot)
        # What else that front has sent must not be carried out: its pair goes with it, the next front gets another.
        slot.renew_pair()
        process.give_front(slot.launcher_end)
        return why if word == BROKEN else ""

    def _forget(self, slot: LauncherSlot) -> None:
        if slot.process is not None:
            try:
                self._poll.unregister(slot.process.control)
            except KeyError:
                pass  # its end was seen before its death
            slot.process.close()
            slot.process = slot.stopped_by = None

    def _wake(self, slot: LauncherSlot) -> None:
        self._poll.unregister(slot.launcher_end)
        self._start(slot)

    def _start(self, slot: LauncherSlot) -> None:
        soft = os.environ.get("SUPERD_NOFILE", "")
        soft_limit = int(soft) if soft.isdecimal() else None
        slot.started = time.monotonic()
        launcher_bundle().report_replaced(self._log)
        try:
            process = start_launcher(slot.profile, user=slot.user, open_files=soft_limit, stderr=self.stderr)
        except OSError as problem:
            pause = max(1.0, slot.back_off.died(0.0))
            self._log.message("error", f"launcher {slot.number} cannot be started: {problem.strerror}; trying again")
            slot.start_at = slot.started + pause
            return
        # Before it has a front, so before it starts a program: what superd has for itself is not for programs.
        oom_score.reset(process.pid)
        core_limit.give_back(process.pid)
        slot.process = process
        self._poll.register(process.control, select.POLLIN)
        former = slot.all_specs(slot.started)
        if len(former) > len(slot.specs) or self._former_options:
            # First with what was configured a moment ago: the launcher itself lets that go again.
            process.configure(self._messages(former), self._former_options | self._options)
        process.configure(self._messages(slot.specs), self._options)
        process.give_front(slot.launcher_end)

    def close_copies(self) -> None:
        """In another child of the master: close what only the master may hold, and free its memory."""
        for slot in self._slots.values():
            slot.close()
        self._slots.clear()  # a thousand specs are a megabyte, which the front has other use for

    def close(self) -> None:
        """Let every launcher end; what they started lives on."""
        for slot in self._slots.values():
            self._forget(slot)
        self.groups.close()
