"""How a service's program is started, as plain values: what a launcher gets once and keeps. Pure."""

from __future__ import annotations

import json
import os.path
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from superd.frozen import frozen
from superd.sandbox import plan_of

if TYPE_CHECKING:
    from superd.cgroup import GroupPlan
    from superd.service import Service

RLIMITS = {"as": 9, "cpu": 0, "data": 2, "rss": 5, "stack": 3, "files": 7, "nproc": 6, "core": 4, "fsize": 1}
"""resource.h's numbers on Linux, by the names of the rlimit_* keys."""
CONNECTION_VARIABLES = frozenset(
    {
        "REMOTE_HOST",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "PROTO",
        "TCPREMOTEIP",
        "TCPREMOTEPORT",
        "TCPREMOTEHOST",
        "TCPREMOTEINFO",
        "TCPLOCALIP",
        "TCPLOCALPORT",
        "REMOTE_UID",
        "REMOTE_GID",
        "IPCREMOTEEUID",
        "IPCREMOTEEGID",
        "IPCREMOTEPID",
    }
)
"""What the connection sets (``launcher/environment.py``), and so neither a service's ``env`` nor superd's own environment may."""

_PRIVATE = ("LISTEN_", "NOTIFY_", "WATCHDOG_", "SUPERD_")
"""Variables that service managers meant for superd alone."""


@dataclass(frozen=True, slots=True, order=True)
class Profile:
    """What a launcher takes on for good before it starts anything: services with equal profiles share a launcher.

    ``uid`` and ``gid`` are -1 to stay who superd is. ``nice`` and ``rlimits`` ((resource, value) pairs, -1 unlimited)
    are part of it because raising either needs root, which a launcher no longer is when it starts a program.
    """

    uid: int = -1
    gid: int = -1
    groups: tuple[int, ...] = ()
    nice: int = 0
    rlimits: tuple[tuple[int, int], ...] = ()
    sandbox: str = ""
    """The plan that ``superd/sandbox.py`` makes of the table; one with namespaces names its service, which then is alone."""

    @property
    def users(self) -> range:
        """The user ids that a program of this profile can have, where these are not its launcher's alone."""
        found = json.loads(self.sandbox).get("users") if self.sandbox else None
        return range(found[0], found[1] + 1) if found else range(0)

    def row(self) -> dict[str, Any]:
        """Return the profile as JSON has it, for the next program of this process."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Profile:
        """Return the profile of a ``row``, which an earlier version may have written: what it lacks has its default."""
        known = {name: row[name] for name in cls.__slots__ if name in row}
        known["groups"] = tuple(row["groups"])
        known["rlimits"] = tuple((number, value) for number, value in row["rlimits"])
        return cls(**known)


@frozen
class LaunchSpec:
    """One service's program: argv, environment, umask, folder and where its fd 2 goes. Its environment may hold secrets."""

    service: str
    program: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    umask: int = 0o022
    directory: str = "/"
    stderr_socket: bool = False
    stdio: str = "socket"
    leftovers_grace: float = -1.0
    """Seconds from SIGTERM to SIGKILL for processes that the program left; -1 keeps them."""
    group: str = ""
    """The digest of the limits that each program's group of processes has; without one they are in superd's."""
    profile: Profile = field(default_factory=Profile)

    def message(self, index: int) -> dict[str, Any]:
        """Return it as a launcher gets it, JSON-ready. ``index`` is the master's number of the service."""
        return {name: getattr(self, name) for name in _TOLD} | {"index": index}


_TOLD = tuple(name for name in LaunchSpec.__slots__ if name not in ("service", "profile"))  # type: ignore[attr-defined]


@frozen
class Account:
    """One line of passwd(5), as far as a program's identity needs it."""

    name: str
    uid: int
    gid: int
    home: str = field(default="/", compare=False)
    shell: str = field(default="/bin/sh", compare=False)


@frozen
class Accounts:
    """The look-ups that identities need, passed in. Each raises ``KeyError`` for a name that is not known."""

    user: Callable[[str], Account]
    group: Callable[[str], int]
    groups_of: Callable[[str, int], tuple[int, ...]]


def profile_of(service: Service, accounts: Accounts, *, root: bool, grouped: bool = False) -> Profile:
    """The profile a service runs under. Raises ``KeyError`` naming an unknown user or group.

    ``grouped``: the memory of its programs is limited by groups of processes, and not by an rlimit.

    Without root the ids stay superd's own. xinetd: child.c, set_credentials.
    """
    rlimits = tuple(
        (number, value) for name, number in RLIMITS.items() if (value := getattr(service, f"rlimit_{name}")) is not None
    )
    if service.limits.memory is not None and service.rlimit_as is None and not grouped:
        rlimits = (*rlimits, (RLIMITS["as"], service.limits.memory))
    if service.limits.cpu is not None and service.rlimit_cpu is None:
        rlimits = (*rlimits, (RLIMITS["cpu"], service.limits.cpu))
    if not root:
        return Profile(nice=max(0, service.nice), rlimits=rlimits, sandbox=plan_of(service.sandbox, service.name))
    plan = plan_of(service.sandbox, service.name)
    if service.sandbox.users:
        first = service.sandbox.users[0]
        return Profile(first, first, (), service.nice, rlimits, plan)
    account = accounts.user(service.user) if service.user else Account("root", 0, 0)
    gid = accounts.group(service.group) if service.group else account.gid
    if service.groups is True:
        groups = tuple(sorted(set(accounts.groups_of(account.name, gid))))
    elif service.groups is False:
        groups = ()
    else:
        groups = tuple(sorted({accounts.group(name) for name in service.groups}))
    return Profile(account.uid, gid, groups, service.nice, rlimits, plan)


def launch_spec(
    service: Service,
    profile: Profile,
    environ: dict[str, str],
    account: Account,
    files: Mapping[str, str],
    plan: GroupPlan | None = None,
) -> LaunchSpec:
    """The service's program as the launcher needs it.

    ``environ`` is superd's own, for ``passenv``; ``account`` the program's user, ``files`` the variables of ``env_file``,
    ``plan`` its groups of processes.
    """
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if "*" in service.passenv:
        env |= {name: value for name, value in environ.items() if not name.startswith(_PRIVATE)}
    else:
        env |= {name: environ[name] for name in service.passenv if name in environ}
    if service.login_environment:
        env |= {"HOME": account.home, "USER": account.name, "LOGNAME": account.name, "SHELL": account.shell}
    env |= {**dict(service.env), **files}
    return LaunchSpec(
        service=service.name,
        program=os.path.abspath(service.server) if service.server else "",
        argv=service.argv,
        env=tuple(sorted((name, value) for name, value in env.items() if name not in CONNECTION_VARIABLES)),
        umask=service.umask,
        directory=account.home if service.directory == "~" else service.directory or "/",
        stderr_socket=service.stderr == "socket",
        stdio=service.stdio,
        leftovers_grace=service.limits.kill_grace if service.leftovers == "end" and not service.wait else -1.0,
        group="" if plan is None else plan.digest,
        profile=profile,
    )
