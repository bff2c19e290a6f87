"""superd's own processes, together: starts the front, and passes the end of a child to the part that has it.

Runs in: master.
Never: decides when superd ends, or what a front gets; those are callbacks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.exit_status import EX_NOPERM
from superd.frozen import frozen
from superd.master.adopted import UNKNOWN
from superd.master.children import Reaper
from superd.master.launcher_bundle import launcher_bundle

if TYPE_CHECKING:
    from superd.ipc.front_orders import Begin
    from superd.master.adopted import Adopted
    from superd.master.child_words import ChildWords
    from superd.master.control_socket import ControlSocket
    from superd.master.former_front import FormerFront
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.key_ring import KeyRing
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.log_files import LogFiles
    from superd.master.loop import Loop
    from superd.master.reading_child import ReadingChild
    from superd.master.relay_pool import RelayPool
    from superd.master.upgrade import Own, Upgrade


@frozen
class Children:
    """The parts of the master that have a child each, or several."""

    front: FrontChild
    former: FormerFront
    launchers: LauncherPool
    relays: RelayPool
    readings: ReadingChild
    control: ControlSocket
    upgrade: Upgrade
    words: ChildWords
    keys: KeyRing
    adopted: Adopted


class OwnProcesses:
    """``on_powerless`` is called when a front cannot give up root, ``on_trial_passed`` when a new program could serve,

    ``on_leaving`` with what the front wrote for the next one and the descriptor of who waits, after ``leave``.
    """

    def __init__(
        self,
        loop: Loop,
        children: Children,
        orders: FrontOrders,
        sockets: BoundSockets,
        log_files: LogFiles,
        mine: Own,
        *,
        on_powerless: Callable[[], None],
        on_trial_passed: Callable[[], None],
        on_leaving: Callable[[bytes, int], None],
    ) -> None:
        self._loop = loop
        self._children = children
        self._orders = orders
        self._sockets = sockets
        self._log_files = log_files
        self._mine = mine
        self._earlier_protocol = mine.table["protocol"] if mine.table else None
        self._on_powerless = on_powerless
        self._on_trial_passed = on_trial_passed
        self._on_leaving = on_leaving
        self._leaving = False
        self._reaper = Reaper()
        self._stopping = False

    @property
    def due(self) -> float | None:
        """When ``reap`` has to look again (monotonic), or None."""
        known = (self._reaper.due, self._children.adopted.due)
        return min((moment for moment in known if moment is not None), default=None)

    def stop(self) -> None:
        """Start no front and no program from here on."""
        self._stopping = True

    def pids(self) -> tuple[int, ...]:
        """Return the processes that live as long as superd; 0 for one that does not run."""
        own = self._children
        return (own.front.pid, *own.launchers.pids(), *own.relays.pids(), own.control.pid)

    def named(self) -> list[tuple[str, int]]:
        """Return kind and pid of superd's processes."""
        own = self._children
        found = [("master", os.getpid())]
        kinds = (("front", (own.front.pid,)), ("panel", (own.control.pid,)), ("relay", own.relays.pids()))
        for kind, pids in (*kinds, ("launcher", own.launchers.pids())):
            found += [(kind, pid) for pid in pids if pid]
        return found

    def on_timer(self, now: float) -> None:
        """Start the front that is due, and look for children whose end no signal told of."""
        front = self._children.front
        front.on_timer(now)
        if front.start_at is not None and now >= front.start_at and not self._stopping:
            self.start_front()
        if self._reaper.due is not None and now >= self._reaper.due:
            self.reap()
        for pid, status in self._children.adopted.take_ended(now):
            self._loop.guarded("the end of a process", self._on_child, pid, status)

    # ------------------------------------------------------------------ ends

    def reap(self) -> None:
        """Take the ends of children that there are."""
        for pid, status in self._reaper.sweep(self.pids(), time.monotonic()):
            self._loop.guarded("the end of a child", self._on_child, pid, status)

    def _on_child(self, pid: int, status: int) -> None:
        own = self._children
        if status != UNKNOWN and os.WIFSTOPPED(status):
            self._on_stopped(pid, time.monotonic())
        elif pid == own.front.pid:
            self._on_front_ended(status)
        elif pid == own.former.pid:
            self._on_former_front_ended(status)
        elif pid == own.upgrade.pid:
            if own.upgrade.passed(status) and not self._stopping:
                self._on_trial_passed()
        elif own.readings.ended(pid, status) or own.control.ended(pid, status):
            pass
        elif own.relays.ended(pid, status):
            self._orders.relays()
        elif own.launchers.ended(pid, status, (own.front.pid, *own.relays.pids(), own.control.pid)):
            self._orders.orphaned()
            self._orders.pairs()
        elif own.launchers.any_died:
            self._orders.ended(pid, status)
            own.launchers.bequests.child_ended(pid, time.monotonic())

    def _on_stopped(self, pid: int, now: float) -> None:
        own = self._children
        if pid == own.front.pid:
            own.front.stopped()
        else:
            own.launchers.stopped(pid, now)
            own.relays.stopped(pid, now)
            own.control.stopped(pid, now)

    def _on_front_ended(self, status: int) -> None:
        self._orders.front_ended()
        if os.waitstatus_to_exitcode(status) == EX_NOPERM:
            self._on_powerless()
        self._children.front.ended(status, stopping=self._stopping)

    def _on_former_front_ended(self, status: int) -> None:
        kept = self._children.former.ended(status)
        if self._leaving:
            self._leaving = False
            self._on_leaving(kept, self._children.former.take_waiting())
        elif not self._stopping:
            self.go_on(kept, self._children.former.take_waiting())
        else:
            self._replace_others()

    def leave(self) -> None:
        """Have the front make room, and call ``on_leaving`` then. Raises ``OSError``: then it goes on as it is."""
        former, front = self._children.former, self._children.front
        former.take(front.prepare_retirement())
        front.hand_off()
        former.retire()
        self._leaving = True

    def go_on(self, kept: bytes, waiting: int = -1) -> None:
        """Start the first front of this program, as ``start_front`` does."""
        self._replace_others()
        self.start_front(kept, waiting)

    def _replace_others(self) -> None:
        """Replace launchers that an earlier program of another version has started."""
        if self._earlier_protocol not in (None, launcher_bundle().protocol):
            self._children.launchers.replace_all()

    # ------------------------------------------------------------------ the front

    def start_front(self, kept: bytes = b"", waiting: int = -1) -> None:
        """Start a front with all that it needs; ``kept`` is what the front of an earlier program wrote for it.

        From ``waiting`` it takes who waited in that one's queues; -1 for none. Takes the descriptor over.
        """
        front = self._children.front
        front.kept.found = kept or front.kept.found
        try:
            begin = self._orders.begin(front.kept.found, waiting)
            front.start(begin, lambda: self._become_front(begin))
        except OSError as problem:
            front.cannot_start(problem.strerror or str(problem))
        else:
            self._orders.relays(all_of_them=True)
            self._children.control.front_started()
            self._orders.ended_meanwhile()
        finally:
            self._orders.close_logs()
            if waiting >= 0:
                os.close(waiting)

    def _become_front(self, begin: Begin) -> None:
        """In the front: close what only the master may hold, but not the listeners, which are the front's from here."""
        self._sockets.give_up(frozenset(begin.first.sockets.values()))
        self.close_copies()

    def close_copies(self) -> None:
        """In a child: close what only the master may hold."""
        own = self._children
        self._loop.close_copies()
        own.front.close_copies()
        own.former.close_copies()
        self._sockets.close_copies()
        own.launchers.close_copies()
        own.relays.close_copies()
        own.control.close_copies()
        own.words.close_copies()
        own.keys.close_copies()
        own.adopted.close_copies()
        self._log_files.close()
        self._mine.close_copies()
