"""The master's launchers: one for each profile in use. The first start with superd, others at a request; what dies is replaced.

Master keeps both ends of the pair between front and launcher, as it keeps the listeners: requests that wait in it outlive
either process. A launcher that is not running is one whose end the master watches.
"""

from __future__ import annotations

import grp
import os
import pwd
import select
import time
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from superd.config.hosts.policy import parse_policy
from superd.ipc.launcher_control import DROPPED, RETIRED_SECONDS
from superd.launch_spec import Account, Accounts, Profile, launch_spec, profile_of
from superd.master.launcher_child import LauncherProcess, request_pair, start_launcher
from superd.rule import identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.launch_spec import LaunchSpec
    from superd.log.log import Log
    from superd.policy_snapshot import PolicySnapshot
    from superd.registry import Registry

LANES = min(2, os.cpu_count() or 1)
"""Launchers of one identity. A launcher stands still while its program execs; the second starts when the first is busy."""
MAX_FAILURES = 3
"""A launcher that dies at once so many times in a row loses what waits for it: the clients get an end, not silence."""
STOPPED_GRACE = 10.0
"""Seconds that a launcher may stand still by a signal: its own programs can send one, and all its services stand with it."""
EARLY = 4
"""Launchers that start with superd, not at the first request: the first client of most hosts finds one there."""
CRASH_PAUSE = 1.0
"""Seconds before a launcher that died within its first second is started again."""


def system_accounts() -> Accounts:
    """passwd and group of this host. A decimal number is taken as it is; unknown to passwd, its gid is its uid."""

    def user(name: str) -> Account:
        try:
            entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        except KeyError:
            if name.isdecimal():
                return Account(name, int(name), int(name))
            raise
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def group(name: str) -> int:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid

    def groups_of(name: str, gid: int) -> tuple[int, ...]:
        return tuple(sorted(os.getgrouplist(name, gid)))

    # Asked once for all services that have the same user: reading passwd anew for each is half of a start with 1,000.
    return Accounts(cache(user), cache(group), cache(groups_of))


class _Slot:
    """One profile: its pair, its specs, and its process while there is one."""

    def __init__(self, number: int, profile: Profile) -> None:
        self.number = number
        self.profile = profile
        self.specs: dict[str, LaunchSpec] = {}
        self.former: dict[str, tuple[LaunchSpec, float]] = {}
        """What was configured here just now, and until when that may be asked for: the request may be in the pair."""
        self.front_end, self.launcher_end = request_pair()
        self.process: LauncherProcess | None = None
        self.started = 0.0
        self.due: float | None = None
        self.stopped: float | None = None
        """When it is killed unless it goes on."""
        self.failures = 0

    def begin(self, now: float) -> None:
        """The services are dealt out anew."""
        kept = {name: entry for name, entry in self.former.items() if entry[1] > now}
        self.former = kept | {name: (spec, now + RETIRED_SECONDS) for name, spec in self.specs.items()}
        self.specs = {}

    def all_specs(self, now: float) -> dict[str, LaunchSpec]:
        """What a launcher that starts just now may be asked for."""
        return {name: spec for name, (spec, until) in self.former.items() if until > now} | self.specs


class LauncherPool:
    """All launchers of one master."""

    def __init__(self, log: Log, poll: select.poll) -> None:
        self._log = log
        self._poll = poll
        self._slots: dict[tuple[Profile, int], _Slot] = {}
        self._new: list[int] = []
        self._indexes: dict[str, int] = {}
        """A number for each service that ever was, for the tables of programs."""
        self._hooks: dict[str, tuple[str, str]] = {}
        self._former_hooks: dict[str, tuple[str, str]] = {}
        self.profiles: dict[str, tuple[int, ...]] = {}
        self.overrides: dict[tuple[str, str], int] = {}
        self.hook_profile: int | None = None
        self.broken_front = ""
        self.orphans = False
        """Whether a launcher has died: its programs are the master's children since then."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every launcher's number, in order."""
        self._new.clear()
        return tuple(slot.number for slot in self._slots.values())

    @property
    def running(self) -> frozenset[int]:
        """The launchers that have a process."""
        return frozenset(slot.number for slot in self._slots.values() if slot.process is not None)

    @property
    def due(self) -> float | None:
        """When a launcher is to be started again, or one that stands still is to be looked at."""
        return min((due for slot in self._slots.values() for due in (slot.due, slot.stopped) if due is not None), default=None)

    def start_early(self, registry: Registry) -> None:
        """Starts launchers of the profiles that most programs have, one each, while the front makes itself ready."""
        programs = Counter(self.profiles[name][0] for name, service in registry.services.items() if service.server)
        wanted = {number for number, _ in programs.most_common(EARLY)}
        for slot in self._slots.values():
            if slot.number in wanted and slot.process is None:
                self._poll.unregister(slot.launcher_end)
                self._start(slot)

    def take_new(self) -> tuple[int, ...]:
        """The numbers the front does not know yet."""
        found = tuple(self._new)
        self._new.clear()
        return found

    def front_fd(self, number: int) -> int:
        """The front's end of this launcher's pair."""
        return next(slot.front_end.fileno() for slot in self._slots.values() if slot.number == number)

    def assign(self, registry: Registry, policy: PolicySnapshot) -> None:
        """Makes a slot for every profile that services and policy need, and tells running launchers what is new."""
        accounts, root = system_accounts(), os.geteuid() == 0
        environ = dict(os.environ)
        profiles: dict[str, tuple[int, ...]] = {}
        now = time.monotonic()
        for slot in self._slots.values():
            slot.begin(now)
        for name, service in registry.services.items():
            profile = profile_of(service, accounts, root=root)
            spec = launch_spec(service, profile, environ)
            # A `wait` service has one program at a time.
            slots = [self._slot(profile, lane) for lane in range(1 if service.wait else LANES)]
            for slot in slots:
                slot.specs[name] = spec
            profiles[name] = tuple(slot.number for slot in slots)
        self.profiles = profiles
        rules = parse_policy(policy)[0]
        self._former_hooks, self._hooks = self._hooks, {}
        self.overrides = {}
        for rule in (*rules.allow, *rules.deny):
            for option in rule.options:
                if option.name in ("spawn", "twist", "aclexec", "setenv", "umask", "nice") and not option.error:
                    self._hooks[option.digest] = (option.name, option.value)
            user, group = identity(rule.options)
            if (user or group) and root:
                self._override(user, group, accounts, registry, environ)
        self.hook_profile = None
        if registry.settings.policy.hook_user and root:
            account = accounts.user(registry.settings.policy.hook_user)
            self.hook_profile = self._slot(Profile(account.uid, account.gid)).number
        for slot in self._slots.values():
            if slot.process is not None:
                slot.process.configure(self._messages(slot.specs), self._hooks)

    def _override(self, user: str, group: str, accounts: Accounts, registry: Registry, environ: dict[str, str]) -> None:
        try:
            account = accounts.user(user) if user else Account("root", 0, 0)
            gid = accounts.group(group) if group else account.gid
        except KeyError as problem:
            self._log.message("error", f"policy: unknown user or group {problem}: whoever matches is refused")
            return
        slot = self._slot(Profile(account.uid, gid, accounts.groups_of(account.name, gid) if user else ()))
        for name, service in registry.services.items():
            slot.specs[name] = launch_spec(service, slot.profile, environ)
        self.overrides[user, group] = slot.number

    def _slot(self, profile: Profile, lane: int = 0) -> _Slot:
        slot = self._slots.get((profile, lane))
        if slot is None:
            slot = self._slots[profile, lane] = _Slot(len(self._slots), profile)
            self._new.append(slot.number)
            self._poll.register(slot.launcher_end, select.POLLIN)
        return slot

    def _messages(self, specs: Mapping[str, LaunchSpec]) -> dict[str, dict[str, Any]]:
        return {name: spec.message(self._indexes.setdefault(name, len(self._indexes))) for name, spec in specs.items()}

    # ------------------------------------------------------------------ events of the master's loop

    def on_readable(self, fd: int) -> None:
        """A request waits for a launcher that does not run, or a launcher says something."""
        for slot in self._slots.values():
            if slot.process is not None and fd == slot.process.control.fileno():
                self._on_control(slot, slot.process)
                return
            if fd == slot.launcher_end.fileno():
                self._poll.unregister(slot.launcher_end)
                self._start(slot)
                return

    def on_timer(self, now: float) -> None:
        """Starts again what died too quickly, and replaces what stands still."""
        for slot in self._slots.values():
            if slot.stopped is not None and now >= slot.stopped:
                slot.stopped = None
                if slot.process is not None and slot.process.stands_still():
                    self._log.message("alert", "a launcher was stopped by a signal; it is being replaced")
                    slot.process.kill()  # its programs run on, its end is told by SIGCHLD
            if slot.due is not None and now >= slot.due:
                slot.due = None
                self._poll.register(slot.launcher_end, select.POLLIN)

    def stopped(self, pid: int, now: float) -> None:
        """A child of the master was stopped by a signal."""
        for slot in self._slots.values():
            if slot.process is not None and slot.process.pid == pid and slot.stopped is None:
                slot.stopped = now + STOPPED_GRACE

    def ended(self, pid: int, status: int) -> bool:
        """A child of the master ended; True when it was a launcher."""
        for slot in self._slots.values():
            if slot.process is not None and slot.process.pid == pid:
                self._forget(slot)
                if status == 0:  # it was idle for long
                    self._poll.register(slot.launcher_end, select.POLLIN)
                    return True
                self._log.message("crit", f"a launcher ended ({_describe(status)}); starting another")
                self.orphans = True
                lived = time.monotonic() - slot.started
                if lived < CRASH_PAUSE:
                    slot.due = time.monotonic() + CRASH_PAUSE
                    slot.failures += 1
                    if slot.failures % MAX_FAILURES == 0:
                        self._renew_pair(slot)
                        self._new.append(slot.number)
                else:
                    slot.failures = 0
                    self._poll.register(slot.launcher_end, select.POLLIN)
                return True
        return False

    def _on_control(self, slot: _Slot, process: LauncherProcess) -> None:
        complaint = process.complaint()
        if complaint is None:
            self._poll.unregister(process.control)
            return
        word, why = complaint
        if not word:
            return
        if word == DROPPED:
            self._log.message("alert", f"launcher {slot.number} lost its connection to the front ({why}); it gets another")
            self._new.append(slot.number)
        else:
            self.broken_front = why
        # What else that front has sent must reach nobody: its pair goes with it, the next front gets another.
        self._renew_pair(slot)
        process.give_front(slot.launcher_end)

    @staticmethod
    def _renew_pair(slot: _Slot) -> None:
        slot.front_end.close()
        slot.launcher_end.close()
        slot.front_end, slot.launcher_end = request_pair()

    def _forget(self, slot: _Slot) -> None:
        if slot.process is not None:
            try:
                self._poll.unregister(slot.process.control)
            except KeyError:
                pass  # its end was seen before its death
            slot.process.close()
            slot.process = slot.stopped = None

    def _start(self, slot: _Slot) -> None:
        soft = os.environ.get("SUPERD_NOFILE", "")
        slot.started = time.monotonic()
        try:
            process = start_launcher(slot.profile, open_files=int(soft) if soft.isdecimal() else None)
        except OSError as problem:
            self._log.message("error", f"a launcher cannot be started: {problem.strerror}; trying again")
            slot.due = slot.started + CRASH_PAUSE
            return
        slot.process = process
        self._poll.register(process.control, select.POLLIN)
        if slot.former or self._former_hooks:
            # First with what was there a moment ago: the launcher itself lets that go again.
            process.configure(self._messages(slot.all_specs(slot.started)), self._former_hooks | self._hooks)
        process.configure(self._messages(slot.specs), self._hooks)
        process.give_front(slot.launcher_end)

    def close_copies(self) -> None:
        """In a forked child: what only the master may hold."""
        for slot in self._slots.values():
            slot.front_end.close()
            slot.launcher_end.close()
            if slot.process is not None:
                slot.process.close()
        self._slots.clear()  # a thousand specs are a megabyte, which the front has other use for

    def close(self) -> None:
        """Lets every launcher end; what they started lives on."""
        for slot in self._slots.values():
            self._forget(slot)


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"
