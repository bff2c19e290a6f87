"""What: carries out a plan of ``superd/sandbox.py``: keeps this process, and what it starts, from what the plan names.

Runs in: launchers, first thing; and a child that looks whether this host can do it. Standard library only.
Never: goes on when a part fails; every function raises ``OSError`` then, and nothing may be started.
"""

from __future__ import annotations

import errno
import os

from superd.system import landlock, mounts, namespaces, outside, prctl
from superd.system.call_groups import refuse
from superd.system.credentials import drop_capabilities, limit_bounding_set
from superd.system.spawn import choose_spawn
from superd.system.spawn_apart import spawn_apart

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

    from superd.system.spawn import Spawn

_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - the programs' own, not files of superd's
_NOBODY = 65534
_NAMESPACES = ("tmp", "read_only", "hide", "network", "pids", "ipc", "root")


class Sandboxing:
    """One plan. The order is ``as_root`` (or ``as_user``), the identity, ``for_good``; ``spawn`` then starts programs."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self.ambient: list[int] = plan["ambient"]
        self.apart = bool(plan["pids"] or plan["tmp"])
        """Whether each program has namespaces of its own."""
        self._rules = -1
        self._map: namespaces.UserMap | None = None
        users = plan.get("users")
        self._users = range(users[0] + 1, users[1] + 1) if users else range(0)
        self._user = users[0] if users else -1
        """The last that a program was given."""

    def as_root(self) -> None:
        """What root alone can do, before root is given up."""
        if self._users:
            self._map = namespaces.UserMap(self._users[0] - 1, self._users[-1])
        if self._plan["bounding"] is not None:
            limit_bounding_set(self._plan["bounding"])
        self._enclose()

    def as_user(self) -> None:
        """The same where superd is not root: in a user namespace, if the plan needs any."""
        if self.ambient:
            raise OSError(errno.EPERM, "only root can give capabilities")
        if self._users:
            raise OSError(errno.EPERM, "only root can give each program a user of its own")
        if self._plan["bounding"] is not None and not self._plan["no_new_privs"]:
            limit_bounding_set(self._plan["bounding"])  # under no_new_privs no program gains one
        if any(self._plan[key] for key in _NAMESPACES):
            namespaces.own_users()
            self._enclose()
            if not self.apart:
                drop_capabilities()

    def for_good(self, *, was_root: bool) -> None:
        """The rest, with the identity that programs will have."""
        plan = self._plan
        if plan.get("files") is not None:
            self._rules = landlock.make_rules(plan["files"], plan["connect"], plan["bind"])
        if self._map is not None:
            self._map.enter()
        elif self.apart and was_root and os.geteuid() != 0:
            namespaces.own_users()
        if not self.apart:
            self._seal()

    def spawn(self) -> Spawn:
        """Return what starts programs."""
        if self.apart:
            flags = namespaces.NEW_MOUNTS | (namespaces.NEW_PIDS if self._plan["pids"] else 0)
            flags |= namespaces.NEW_IPC if self._users else 0  # what is left there would be the next one's of this user
            return spawn_apart(flags, self._choose_user if self._users else _nothing, self._prepare, self._seal)
        # Not the launcher itself: it reads /proc, to end what programs leave.
        return choose_spawn((lambda: landlock.restrict(self._rules)) if self._rules >= 0 else None)

    def _choose_user(self) -> None:
        """Choose a user for the next program that no process has: `private_pids` ends all of a program with it."""
        for _ in self._users:
            following = self._user + 1
            self._user = following if following in self._users else self._users[0]
            if not namespaces.has_process(self._user):
                return
        raise OSError(errno.EAGAIN, "each user of `dynamic_user` has a program")

    def _enclose(self) -> None:
        plan = self._plan
        root = plan.get("root")
        if root or plan["read_only"] or plan["hide"]:
            namespaces.unshare(namespaces.NEW_MOUNTS)
            mounts.part_with_host()
            if root:
                outside.keep()
                mounts.enter_root(root)
                if plan["pids"] and not os.path.isdir("/proc"):
                    raise OSError(errno.ENOENT, f"`private_pids` needs a folder `{root}/proc`")
            # A program of its own has a /proc of its own, and the kernel lets it have no more than this one shows.
            but = [*plan["read_write"], *(["/proc"] if self._keeps_proc() else [])]
            mounts.make_read_only(plan["read_only"], but)
            for path in plan["hide"]:
                mounts.hide(path)
        if plan["network"]:
            namespaces.own_network()
        if plan["ipc"]:
            namespaces.unshare(namespaces.NEW_IPC)

    def _keeps_proc(self) -> bool:
        return self.apart and "/" in self._plan["read_only"] and os.path.isdir("/proc")

    def _prepare(self) -> None:
        """In each program that is apart, before it execs."""
        mounts.part_with_host()
        if self._plan["pids"]:
            mounts.own_proc()
        if self._plan["tmp"]:
            for path in _TEMPORARY:
                if os.path.isdir(path):
                    mounts.empty_folder(path, self._plan["tmp"])

    def _seal(self) -> None:
        plan = self._plan
        if self.apart and plan["bounding"] is not None:
            limit_bounding_set(plan["bounding"])  # a user namespace begins with a full one
        if self._users:
            os.setgroups([])
            os.setresgid(self._user, self._user, self._user)
            os.setresuid(self._user, self._user, self._user)  # the capabilities go when it execs
        if plan["no_new_privs"]:
            prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
        if self.apart and self._rules >= 0:
            landlock.restrict(self._rules)
        if plan["calls"]:
            refuse(plan["calls"])


def _nothing() -> None:
    """No user is to be chosen."""


def fault(plan: dict[str, Any]) -> str:
    """Return why this host cannot carry out the plan, or ``""``: a child of this process tries it."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()  # noqa: TID251 - the child tries, and exits
    if pid == 0:
        why = b"it failed"
        try:
            _try(plan)
            why = b""
        except OSError as problem:
            why = (problem.strerror or os.strerror(problem.errno or errno.EIO)).encode()[:400]
        finally:
            os.write(theirs, why)
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        found = pipe.read()
    os.waitpid(pid, 0)
    return found.decode("utf-8", "replace")


def _try(plan: dict[str, Any]) -> None:
    sandboxing, root = Sandboxing(plan), os.geteuid() == 0
    if root:
        if not os.path.exists("/proc/self/uid_map") and sandboxing.apart:
            raise OSError(errno.ENOENT, "/proc is not mounted")
        sandboxing.as_root()
        user = plan["users"][0] if plan.get("users") else _NOBODY
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    else:
        sandboxing.as_user()
    sandboxing.for_good(was_root=root)
    null = outside.open_null()
    try:
        pid = sandboxing.spawn()((b"/bin/true",), [b"true"], [], null, null, 0o022)
    except FileNotFoundError:
        return  # everything before the exec worked
    os.waitpid(pid, 0)
