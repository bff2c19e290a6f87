"""The master's launchers: one for each profile in use, started at the first request, replaced when it dies.

Master keeps both ends of the pair between front and launcher, as it keeps the listeners: requests that wait in it outlive
either process. A launcher that is not running is one whose end the master watches.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import select
import socket
import sys
import time
from typing import TYPE_CHECKING

from superd.daemon.policy_load import parse_policy
from superd.launch.spawn import choose_spawn
from superd.launch.spec import Account, Accounts, Profile, launch_spec, profile_of

if TYPE_CHECKING:
    from superd.daemon.logs import Log
    from superd.daemon.policy_files import PolicyFiles
    from superd.launch.spec import LaunchSpec
    from superd.registry import Registry

CRASH_PAUSE = 1.0
"""Seconds before a launcher that died within its first second is started again."""
_BUFFER = 1 << 20
"""Bytes of the pair's buffer: a few hundred requests."""

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from superd.launch.launcher import main; main()"


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

    return Accounts(user, group, groups_of)


class _Slot:
    """One profile: its pair, its specs, and its process while there is one."""

    def __init__(self, number: int, profile: Profile) -> None:
        self.number = number
        self.profile = profile
        self.specs: dict[str, LaunchSpec] = {}
        self.front_end, self.launcher_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self.front_end, self.launcher_end):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.pid = 0
        self.control: socket.socket | None = None
        self.started = 0.0
        self.due: float | None = None


class LauncherPool:
    """All launchers of one master."""

    def __init__(self, log: Log, poll: select.poll) -> None:
        self._log = log
        self._poll = poll
        self._spawn = choose_spawn()
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._slots: dict[Profile, _Slot] = {}
        self._new: list[int] = []
        self._hooks: dict[str, tuple[str, str]] = {}
        self.profiles: dict[str, int] = {}
        self.overrides: dict[tuple[str, str], int] = {}
        self.hook_profile: int | None = None
        self.broken_front = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every launcher's number, in order."""
        self._new.clear()
        return tuple(slot.number for slot in self._slots.values())

    @property
    def due(self) -> float | None:
        """When a launcher is to be started again."""
        return min((slot.due for slot in self._slots.values() if slot.due is not None), default=None)

    def take_new(self) -> tuple[int, ...]:
        """The numbers the front does not know yet."""
        found = tuple(self._new)
        self._new.clear()
        return found

    def front_fd(self, number: int) -> int:
        """The front's end of this launcher's pair."""
        return next(slot.front_end.fileno() for slot in self._slots.values() if slot.number == number)

    def assign(self, registry: Registry, policy: PolicyFiles) -> None:
        """Makes a slot for every profile that services and policy need, and tells running launchers what is new."""
        accounts, root = system_accounts(), os.geteuid() == 0
        environ = dict(os.environ)
        profiles: dict[str, int] = {}
        for slot in self._slots.values():
            slot.specs = {}
        for name, service in registry.services.items():
            slot = self._slot(profile_of(service, accounts, root=root))
            slot.specs[name] = launch_spec(service, slot.profile, environ)
            profiles[name] = slot.number
        self.profiles = profiles
        rules = parse_policy(policy)[0]
        self._hooks = {}
        self.overrides = {}
        for rule in (*rules.allow, *rules.deny):
            user, group = "", ""
            for option in rule.options:
                if option.name in ("spawn", "twist", "aclexec", "setenv", "umask", "nice") and not option.error:
                    self._hooks[option.digest] = (option.name, option.value)
                if option.name == "user":
                    user, _, after = option.value.partition(".")
                    group = after or group
                elif option.name == "group":
                    group = option.value
            if (user or group) and root:
                self._override(user, group, accounts, registry, environ)
        self.hook_profile = None
        if registry.settings.policy.hook_user and root:
            account = accounts.user(registry.settings.policy.hook_user)
            self.hook_profile = self._slot(Profile(account.uid, account.gid)).number
        for slot in self._slots.values():
            if slot.control is not None:
                self._configure(slot)

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

    def _slot(self, profile: Profile) -> _Slot:
        slot = self._slots.get(profile)
        if slot is None:
            slot = self._slots[profile] = _Slot(len(self._slots), profile)
            self._new.append(slot.number)
            self._poll.register(slot.launcher_end, select.POLLIN)
        return slot

    # ------------------------------------------------------------------ events of the master's loop

    def on_readable(self, fd: int) -> None:
        """A request waits for a launcher that does not run, or a launcher says something."""
        for slot in self._slots.values():
            if slot.control is not None and fd == slot.control.fileno():
                self._on_control(slot)
                return
            if fd == slot.launcher_end.fileno():
                self._poll.unregister(slot.launcher_end)
                self._start(slot)
                return

    def on_timer(self, now: float) -> None:
        """Starts again what died too quickly."""
        for slot in self._slots.values():
            if slot.due is not None and now >= slot.due:
                slot.due = None
                self._poll.register(slot.launcher_end, select.POLLIN)

    def ended(self, pid: int, status: int) -> bool:
        """A child of the master ended; True when it was a launcher."""
        for slot in self._slots.values():
            if slot.pid == pid:
                self._log.message("crit", f"a launcher ended ({_describe(status)}); starting another")
                self._forget(slot)
                lived = time.monotonic() - slot.started
                if lived < CRASH_PAUSE:
                    slot.due = time.monotonic() + CRASH_PAUSE
                else:
                    self._poll.register(slot.launcher_end, select.POLLIN)
                return True
        return False

    def _on_control(self, slot: _Slot) -> None:
        assert slot.control is not None
        try:
            data = slot.control.recv(1024)
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(slot.control)
        elif data[:1] == b"X":
            self.broken_front = data[1:].decode("ascii", "replace")

    def _forget(self, slot: _Slot) -> None:
        slot.pid = 0
        if slot.control is not None:
            try:
                self._poll.unregister(slot.control)
            except KeyError:
                pass  # its end was seen before its death
            slot.control.close()
            slot.control = None

    def _start(self, slot: _Slot) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        profile = json.dumps(
            {
                "uid": slot.profile.uid,
                "gid": slot.profile.gid,
                "groups": slot.profile.groups,
                "nice": slot.profile.nice,
                "rlimits": slot.profile.rlimits,
            }
        )
        argv = [sys.executable, "-I", "-S", "-c", _BOOT, root, str(theirs.fileno()), profile]
        os.set_inheritable(theirs.fileno(), True)
        # Not os.posix_spawn: glibc leaves its two internal signals ignored, and every program would inherit that.
        slot.pid = self._spawn((os.fsencode(sys.executable),), [os.fsencode(word) for word in argv], [], self._null, 2, 0o022)
        slot.started = time.monotonic()
        theirs.close()
        slot.control = ours
        self._poll.register(ours, select.POLLIN)
        self._configure(slot)
        socket.send_fds(ours, [b"F"], [slot.launcher_end.fileno()])

    def _configure(self, slot: _Slot) -> None:
        assert slot.control is not None
        message = {"specs": {name: spec.message() for name, spec in slot.specs.items()}, "hooks": self._hooks}
        memory = os.memfd_create("superd-specs", os.MFD_CLOEXEC)
        with open(memory, "w+b") as file:
            file.write(json.dumps(message).encode())
            file.flush()
            try:
                socket.send_fds(slot.control, [b"C"], [memory])
            except OSError:
                pass  # it died: SIGCHLD says so, and the next one is told anew

    def close_copies(self) -> None:
        """In a forked child: what only the master may hold."""
        for slot in self._slots.values():
            slot.front_end.close()
            slot.launcher_end.close()
            if slot.control is not None:
                slot.control.close()

    def close(self) -> None:
        """Lets every launcher end; what they started lives on."""
        for slot in self._slots.values():
            self._forget(slot)


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"
