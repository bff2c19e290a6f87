"""The groups of processes that programs are put into: made ahead for launchers that ask, removed when they are empty.

Runs in: master, which alone may make them: a program that has the user of its launcher could lift the limits of a group that
the launcher made.
Never: believes a launcher. It gets groups of services that it has, a bounded number, and a group is removed when the kernel
says that it is empty.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.ipc.launcher_control import EMPTIED, WANTED
from superd.log.event import Kind
from superd.system.cgroups import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from superd.cgroup import GroupPlan
    from superd.log.log import Log

STOCK = 8
"""Groups that an answer has: 0.3 ms of the master's time, and one answer for eight programs."""
MOST = 2048
"""Groups of one launcher at once: the kernel needs some ten KiB for each. More programs wait for others to end."""
FIRST, LAST = 0.05, 30.0
"""Seconds between two tries to remove a group that is not empty, doubling."""
REPAIR_SECONDS = 1.0
"""Between two tries to make what failed: launchers decide when they ask, and not how often the master works for it."""
PATIENCE = 2.0
"""Seconds for what programs left that have lost their launcher; then it gets SIGKILL."""


@frozen
class _Leaving:
    """A group to be removed: when to try next, and the pause after that. What is in it ends without one of ``programs``."""

    due: float
    pause: float
    service: str
    name: str
    programs: Collection[int] | None


class ProgramGroups:
    """All groups of one master. ``pid`` is its own."""

    def __init__(self, log: Log, *, pid: int) -> None:
        self._log = log
        self._pid = pid
        self._home: Home | None = None
        self._plans: dict[str, GroupPlan] = {}
        self._failed: dict[str, GroupPlan] = {}
        """Those that no group could be made for; it is tried again when a launcher asks."""
        self._repair_from: dict[str, float] = {}
        """By service: when the next try may be (monotonic)."""
        self._given: dict[int, dict[int, str]] = {}
        """Services, by launcher and number of the group."""
        self._leaving: list[_Leaving] = []
        """Groups that are not needed any more."""
        self._next = 0
        self.faults: dict[str, str] = {}
        """By service: why no group could be made."""

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic); None for never."""
        return min((entry.due for entry in self._leaving), default=None)

    def assign(self, plans: Mapping[str, GroupPlan]) -> None:
        """Make a group for each service of ``plans``; what goes wrong is logged, and its programs are not started."""
        if not plans and self._home is None:
            return
        former, self._plans, self._failed, self._repair_from, self.faults = self._plans, {}, {}, {}, {}
        try:
            home = self._open()
        except OSError as problem:
            self._log.message("error", f"superd can make no group for programs: {problem}", kind=Kind.PROBLEM)
            self.faults = dict.fromkeys(plans, str(problem))
            self._failed = dict(plans)
            return
        for name, plan in plans.items():
            try:
                home.set_service(folder_of(name), plan)
            except OSError as problem:
                text = f"no group for its programs: `{problem.filename}`: {problem.strerror}"
                self._log.message("error", text, name, kind=Kind.PROBLEM)
                self.faults[name] = f"`{problem.filename}`: {problem.strerror}"
                self._failed[name] = plan
            else:
                self._plans[name] = plan
        for name in former.keys() - plans.keys():
            self._leave(folder_of(name), "")

    def _open(self) -> Home:
        if self._home is None:
            home = Home(self._pid)
            home.divide()
            home.forget_the_dead()
            for service, name in home.found():
                pid, _, number = name.partition("-")
                if pid == str(self._pid) and number.isdecimal():
                    self._next = max(self._next, int(number))
                # An earlier superd's, or of this process before an upgrade: a launcher that has one of them takes another.
                if not home.remove(service, name):
                    self._leave(service, name)
            self._home = home
        return self._home

    def on_word(
        self,
        launcher: int,
        word: bytes,
        text: str,
        services: Mapping[int, str],
        send: Callable[[int, int, tuple[int, int, int]], None],
    ) -> None:
        """Do what a launcher wants: it needs some groups no more, or asks for groups of one of its ``services`` (by index).

        ``send`` gets the index of the service, and number and descriptors of a group, which it closes.
        """
        numbers = [int(found) for found in text.split() if found.isdecimal() and len(found) <= 18]
        if word == EMPTIED:
            for number in numbers:
                self.done(launcher, number)
        elif word == WANTED and numbers and numbers[0] in services:
            self.give(launcher, services[numbers[0]], partial(send, numbers[0]))

    def give(self, launcher: int, service: str, send: Callable[[int, tuple[int, int, int]], None]) -> None:
        """Make groups for programs that the launcher will start; ``send`` gets number and descriptors, which it closes."""
        plan = self._plans.get(service) or self._repaired(service)
        home = self._home
        if plan is None or home is None:
            return
        given = self._given.setdefault(launcher, {})
        for _ in range(min(STOCK, MOST - len(given))):
            self._next += 1
            number = self._next
            try:
                fds = self._made(home, service, number, plan)
            except OSError as problem:
                text = f"no group for its programs: {problem.strerror}; they wait"
                self._log.message("error", text, service, kind=Kind.PROBLEM)
                return
            given[number] = service
            send(number, fds)

    def _repaired(self, service: str) -> GroupPlan | None:
        """Try once more what failed when the service was assigned: what kept it may have gone."""
        plan, now = self._failed.get(service), time.monotonic()
        if plan is None or now < self._repair_from.get(service, 0.0):
            return None
        self._repair_from[service] = now + REPAIR_SECONDS
        try:
            self._open().set_service(folder_of(service), plan)
        except OSError:
            return None  # it was said
        self._plans[service] = self._failed.pop(service)
        del self.faults[service]
        self._log.message("notice", "there are groups for its programs again", service, kind=Kind.PROBLEM)
        return plan

    def _made(self, home: Home, service: str, number: int, plan: GroupPlan) -> tuple[int, int, int]:
        try:
            return home.make(folder_of(service), _name(self._pid, number), plan)
        except FileNotFoundError:  # the group of the service has gone: another process may remove what is empty
            home.set_service(folder_of(service), plan)
            return home.make(folder_of(service), _name(self._pid, number), plan)

    def done(self, launcher: int, number: int) -> None:
        """The launcher needs a group no more: it is removed when no process is in it."""
        service = self._given.get(launcher, {}).pop(number, None)
        if service is not None:
            self._take_away(folder_of(service), _name(self._pid, number))

    def launcher_ended(self, launcher: int, programs: Collection[int] = ()) -> None:
        """It needs none of its groups. ``programs`` live on in some; what others have left in theirs is ended."""
        for number, service in self._given.pop(launcher, {}).items():
            plan = self._plans.get(service)
            self._take_away(folder_of(service), _name(self._pid, number), programs if plan is not None and plan.ends else None)

    def on_timer(self, now: float) -> None:
        """Try again to remove what was not empty."""
        if self._home is None or self.due is None or self.due > now:
            return
        due = [entry for entry in self._leaving if entry.due <= now]
        self._leaving = [entry for entry in self._leaving if entry.due > now]
        for entry in due:
            if not entry.name and entry.service in map(folder_of, self._plans):
                continue  # it is configured again
            if self._home.remove(entry.service, entry.name):
                continue
            if entry.programs is not None and entry.pause >= PATIENCE:
                self._home.end_leftovers(entry.service, entry.name, entry.programs)
            pause = min(2 * entry.pause, PATIENCE if entry.programs is not None else LAST)
            self._leaving.append(replace(entry, due=now + entry.pause, pause=pause))

    def close(self) -> None:
        """Remove all that is empty."""
        if self._home is not None:
            self._home.close()

    def _take_away(self, service: str, name: str, programs: Collection[int] | None = None) -> None:
        if self._home is not None and not self._home.remove(service, name):
            self._leave(service, name, programs)

    def _leave(self, service: str, name: str, programs: Collection[int] | None = None) -> None:
        self._leaving.append(_Leaving(time.monotonic() + FIRST, 2 * FIRST, service, name, programs))


def folder_of(service: str) -> str:
    """Return the name of a service's group: its own where the kernel and ``systemd-cgls`` can show it."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_@+-]{0,99}", service):  # without a dot: no name of a file of the kernel's
        return service
    return "service-" + hashlib.sha256(service.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _name(pid: int, number: int) -> str:
    return f"{pid}-{number}"
