"""Processes that a program left when it ended: ended with their session, or kept and counted.

A program leads a session and a process group of its own, and the launcher inherits what its parents leave (subreaper). A
process belongs to the session whose id it has; one that made a session of its own, as daemons do, belongs to the program
whose client its environment names. Where neither tells, it is kept.

Runs in: launchers. Standard library only. Signals only children of this process, so never one of another identity's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time

from superd.system.outside import open_proc

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from superd.system.program_group import Group

KEEP = -1.0
"""The grace of a service whose leftovers are kept."""
LOOK_SECONDS = 0.2
"""From a program's end to the look at what it left: one look for all that ended meanwhile."""
LOOK_MOST = 64
"""Programs that ended since the last look at which the next one comes at once: what is known of them is still in the cache."""
LOOK_SHARE = 50
"""A look that took long, among ten thousand children, comes this many times as long later: 2 % of the time."""
NEVER = float("inf")
_PR_SET_CHILD_SUBREAPER = 36
_MAX_ENVIRONMENT = 65536


def inherit_orphans() -> None:
    """Make this process the parent of what its programs leave. Without it (no prctl) they go to the master, as before."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A program that runs: for which connection, service and client, since when (monotonic seconds).

    ``grace`` is from SIGTERM to SIGKILL for what it leaves, or ``KEEP``. ``slot`` is its place in the table of programs,
    ``group`` the group of processes it is in, if it has one of its own.
    """

    __slots__ = ("conn", "grace", "group", "pid", "port", "service", "slot", "source", "started")

    def __init__(
        self, pid: int, conn: int, service: str, source: str, port: int, started: float, *, grace: float = KEEP, slot: int = -1
    ) -> None:
        self.pid = pid
        self.conn = conn
        self.service = service
        self.source = source
        self.port = port
        self.started = started
        self.grace = grace
        self.slot = slot
        self.group: Group | None = None


class _Orphan:
    """A process that this one inherited. ``deadline`` is when it gets SIGKILL; infinite for never."""

    __slots__ = ("child", "deadline", "kept")

    def __init__(self, child: Child | None) -> None:
        self.child = child
        self.deadline = NEVER
        self.kept = False


class Leftovers:
    """All of one launcher. ``kept`` is the number of those that stay, by service."""

    def __init__(self, free: Callable[[Iterable[int]], None]) -> None:
        """``free`` gets the slots of programs that have ended with what they left: until then a master reads them."""
        self._free = free
        self._groups: dict[int, float] = {}
        """Process groups that got SIGTERM, and when they get SIGKILL."""
        self._ended: dict[int, Child] = {}
        """Programs that ended since the last look."""
        self._orphans: dict[int, _Orphan] = {}
        self._held: dict[int, float] = {}
        """Slots of programs whose leftovers got SIGTERM, and when those get SIGKILL."""
        self._executing: set[int] = set()
        """Orphans whose environment was empty at the last look."""
        self._look = NEVER
        self._pause = LOOK_SECONDS
        self.kept: dict[str, int] = {}
        self.changed: set[str] = set()
        """Services whose number in ``kept`` is not reported yet."""

    def __bool__(self) -> bool:
        return bool(self._groups or self._orphans or self._ended or self.changed)

    @property
    def processes(self) -> bool:
        """Whether there are some: their ends are to be noticed."""
        return bool(self._groups or self._orphans)

    @property
    def due(self) -> float:
        """When something is to be done (monotonic seconds); infinite for never."""
        if self.changed:
            return 0.0
        if not self._groups and not self._orphans:
            return self._look
        return min([*self._groups.values(), *(orphan.deadline for orphan in self._orphans.values()), self._look])

    def program_ended(self, child: Child, now: float) -> bool:
        """A program was reaped. Return whether it left nothing in its process group."""
        ends = child.grace >= 0
        alone = not signal_group(child.pid, signal.SIGTERM if ends else 0)
        if ends and not alone:
            self._groups[child.pid] = now + child.grace
        if child.pid in self._ended:  # its number was another program's a moment ago
            self._free((self._ended[child.pid].slot,))
        self._ended[child.pid] = child
        if self._look == NEVER:
            self._look = now + self._pause
        elif len(self._ended) == LOOK_MOST and self._pause == LOOK_SECONDS and not self._executing:
            self._look = now
        return alone

    def reaped(self, pid: int) -> None:
        """A child that is not a program's first process was reaped."""
        orphan = self._orphans.pop(pid, None)
        if orphan is not None and orphan.kept:
            self._count(orphan, -1)

    def on_time(self, now: float, living: Mapping[int, Child], commands: Container[int]) -> None:
        """Send what is due, and look for orphans among the children that are neither programs nor commands."""
        for pid in [pid for pid, deadline in self._groups.items() if deadline <= now]:
            del self._groups[pid]
            signal_group(pid, signal.SIGKILL)
        for pid, orphan in self._orphans.items():
            if orphan.deadline <= now:
                orphan.deadline = NEVER
                _signal(pid, signal.SIGKILL)
        if self._look <= now:
            began = time.monotonic()
            self._look_for_orphans(now, living, commands)
            self._pause = max(LOOK_SECONDS, (time.monotonic() - began) * LOOK_SHARE)

    def end_now(self, living: Mapping[int, Child], commands: Container[int]) -> None:
        """This process ends: send SIGKILL to all that would have got it later."""
        self._look_for_orphans(time.monotonic(), living, commands)
        for pid in self._groups:
            signal_group(pid, signal.SIGKILL)
        for pid, orphan in self._orphans.items():
            if orphan.deadline != NEVER:
                _signal(pid, signal.SIGKILL)

    # ------------------------------------------------------------------ orphans

    def _look_for_orphans(self, now: float, living: Mapping[int, Child], commands: Container[int]) -> None:
        self._look = NEVER
        children = _children()
        for pid in [pid for pid in self._orphans if pid not in children]:
            self.reaped(pid)
        executing: set[int] = set()
        for pid in children:
            if pid not in living and pid not in commands and pid not in self._orphans:
                child = self._child_of(pid, living)
                if child is None and pid not in self._executing and is_executing(pid):
                    executing.add(pid)
                else:
                    self._orphans[pid] = _Orphan(child)
        self._executing = executing
        for pid, orphan in self._orphans.items():
            child = orphan.child
            if orphan.kept or orphan.deadline != NEVER or (child is not None and living.get(child.pid) is child):
                continue  # done, or its program runs: it is a part of that session
            if child is not None and child.grace >= 0 and _signal(pid, signal.SIGTERM):
                orphan.deadline = now + child.grace
            else:
                orphan.kept = True
                self._count(orphan, 1)
        if executing:
            self._look = now + LOOK_SECONDS
            return
        self._free_slots(now)
        self._ended.clear()

    def _free_slots(self, now: float) -> None:
        for slot in [slot for slot, until in self._held.items() if until <= now]:
            del self._held[slot]
            self._free((slot,))
        waiting = [orphan for orphan in self._orphans.values() if orphan.child is not None and orphan.deadline != NEVER]
        if not waiting and not self._groups:
            self._free([child.slot for child in self._ended.values()])
            return
        until_of = {orphan.child.pid: orphan.deadline for orphan in waiting if orphan.child is not None}
        for pid, child in self._ended.items():
            until = max(until_of.get(pid, now), self._groups.get(pid, now))
            if until > now:
                self._held[child.slot] = until
            else:
                self._free((child.slot,))

    def _count(self, orphan: _Orphan, by: int) -> None:
        service = orphan.child.service if orphan.child is not None else ""
        self.kept[service] = self.kept.get(service, 0) + by
        self.changed.add(service)

    def _child_of(self, pid: int, living: Mapping[int, Child]) -> Child | None:
        number = session_id(pid)
        found = living.get(number) or self._ended.get(number)
        if found is not None:
            return found
        client = client_of(pid)
        if client is None:
            return None
        return next((child for child in (*self._ended.values(), *living.values()) if (child.source, child.port) == client), None)


def signal_group(pid: int, number: int) -> bool:
    """Signal the process group ``pid``; False when it has no process."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a set-uid program: it is another user's
    return True


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False  # it ended, or became another user's by a set-uid program
    return True


def _children() -> set[int]:
    try:
        with open(open_proc("thread-self/children"), "rb") as file:
            return {int(word) for word in file.read().split()}
    except OSError:
        return set()  # no /proc here: process groups are all that is ended


def session_id(pid: int) -> int:
    """Return the session of a process, 0 for one that has ended."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def is_executing(pid: int) -> bool:
    """Return whether the environment of the process is empty: so it is for a moment of each execve(2)."""
    try:
        with open(open_proc(f"{pid}/environ"), "rb") as file:
            return not file.read(1)
    except OSError:
        return False


def client_of(pid: int) -> tuple[str, int] | None:
    """Return address and port that the environment of the process names."""
    try:
        with open(open_proc(f"{pid}/environ"), "rb") as file:
            words = file.read(_MAX_ENVIRONMENT).split(b"\0")
    except OSError:
        return None
    found = dict(word.split(b"=", 1) for word in words if word.startswith((b"REMOTE_ADDR=", b"REMOTE_PORT=")))
    port = found.get(b"REMOTE_PORT", b"")
    address = found.get(b"REMOTE_ADDR", b"")
    if not address or not port.isdigit() or len(port) > 5:
        return None
    return address.decode("ascii", "replace"), int(port)
