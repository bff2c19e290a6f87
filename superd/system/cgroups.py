"""What: superd's own part of the tree of process groups (cgroup v2): finds it, divides it, makes and removes groups there.

Runs in: master and its reading child; cli (looks only). A launcher has the groups of its programs as ``program_group.py``.
Never: writes outside of the group that superd was given, or of one that it made; where systemd rules, the unit must give it
(Delegate=).
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from superd.cgroup import File, GroupPlan

MAIN = "main"
"""Superd's own processes: a group that divides what it has must hold none itself."""
SERVICES = "services"
OWN = "superd."
"""In the root of the tree, where no service manager rules: the group of the superd with this process number."""
CONTROLLERS = ("cpu", "io", "memory", "pids")
_ABSENT = {"memory.swap.max"}
"""Without the file there is no swap, and so nothing to limit."""
_OTHER_NAMES = {"io.weight": "io.bfq.weight"}
_DEFAULTS = (("memory.max", "max"), ("memory.swap.max", "max"), ("pids.max", "max"), ("cpu.max", "max"), ("io.weight", "100"))
_MODE = 0o755
_MOVES = 8
_MOST = 1 << 16


class NoGroup(OSError):
    """Superd has no group that it can divide. The text says why."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.ENOTSUP, why)

    def __str__(self) -> str:
        return str(self.strerror)


def host_fault(plan: GroupPlan) -> str:
    """Return why no process of this host could have such groups, or ``""``. Looks only at what holds for all of them."""
    try:
        mount = _mount()[0]
    except OSError as problem:
        return str(problem)
    return _missing(plan, _read(f"{mount}/cgroup.controllers").split())


class Home:
    """The group that superd divides. ``pid`` is the master's. Raises ``NoGroup`` where superd has none."""

    def __init__(self, pid: int) -> None:
        mount, inside = _mount()
        own = _group_of(pid, inside)
        parts = [part for part in own.split("/") if part]
        if parts[-1:] == [MAIN]:
            parts.pop()
        self._root = ""
        self.path = "/".join((mount, *parts))
        if not parts and not os.path.exists(f"{self.path}/cgroup.type"):  # the root of the host's tree, not of a container's
            if os.path.isdir("/run/systemd/system"):
                raise NoGroup("superd is in the root of the tree, which is systemd's")
            self._root, self.path = mount, f"{mount}/{OWN}{pid}"
        elif os.path.isdir("/run/systemd/system") and not _delegated(self.path):
            raise NoGroup(f"systemd keeps the group `/{'/'.join(parts)}`: its unit needs Delegate=yes")
        offered = _read(f"{self._root or self.path}/cgroup.controllers").split()
        self.controllers = tuple(name for name in CONTROLLERS if name in offered)

    def fault(self, plan: GroupPlan) -> str:
        """Return why it cannot give programs such groups, or ``""``: one is made, and removed."""
        if why := _missing(plan, self.controllers):
            return why
        try:
            self.divide()
            trial = f"{self.path}/{SERVICES}/.trial.{os.getpid()}"
            _make(trial)
            try:
                _write_all(trial, (*plan.together, *plan.each))
            finally:
                os.rmdir(trial)
        except OSError as problem:
            return f"`{problem.filename or self.path}`: {problem.strerror}"
        return ""

    def divide(self) -> None:
        """Make the groups of superd's own processes and of the services. Raises ``OSError``."""
        wanted = "".join(f"+{name} " for name in self.controllers)
        if self._root:
            _make(self.path)
            _enable(self._root, wanted)
        elif wanted and not set(self.controllers) <= set(_read(f"{self.path}/cgroup.subtree_control").split()):
            _make(f"{self.path}/{MAIN}")
            for _ in range(_MOVES):  # some may fork meanwhile
                pids = _read(f"{self.path}/cgroup.procs").split()
                for pid in pids:
                    _move(pid, f"{self.path}/{MAIN}")
                if not pids:
                    break
        _enable(self.path, wanted)
        _make(f"{self.path}/{SERVICES}")
        _enable(f"{self.path}/{SERVICES}", wanted)

    def set_service(self, name: str, plan: GroupPlan) -> None:
        """Make the group of a service, or give it other limits. Raises ``OSError``."""
        path = f"{self.path}/{SERVICES}/{name}"
        _make(path)
        _enable(path, "".join(f"+{controller} " for controller in self.controllers))
        written = {file for file, _ in plan.together}
        for file, value in _DEFAULTS:
            if file not in written:
                try:
                    _write_all(path, ((file, value),))
                except OSError:
                    pass  # this kernel has no such limit: it was never set
        _write_all(path, plan.together)

    def make(self, service: str, name: str, plan: GroupPlan) -> tuple[int, int, int]:
        """Make a group for one program. Return its cgroup.procs and cgroup.kill to write to, and its folder to read from."""
        path = f"{self.path}/{SERVICES}/{service}/{name}"
        os.mkdir(path)
        fds: list[int] = []
        try:
            os.chmod(path, _MODE)  # whatever the umask: its launcher reads there what the program has used
            _write_all(path, plan.each)
            for file, flags in (("cgroup.procs", os.O_WRONLY), ("cgroup.kill", os.O_WRONLY), ("", os.O_PATH | os.O_DIRECTORY)):
                fds.append(os.open(f"{path}/{file}", flags | os.O_CLOEXEC | os.O_NOFOLLOW))
        except OSError:
            for fd in fds:
                os.close(fd)
            os.rmdir(path)
            raise
        return fds[0], fds[1], fds[2]

    def remove(self, service: str, name: str = "") -> bool:
        """Remove a program's group, or a service's. Return False while processes or groups are in it."""
        try:
            os.rmdir(f"{self.path}/{SERVICES}/{service}/{name}".rstrip("/"))
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def end_leftovers(self, service: str, name: str, programs: Collection[int]) -> None:
        """Send SIGKILL to all that is in a program's group, unless one of ``programs`` is."""
        path = f"{self.path}/{SERVICES}/{service}/{name}"
        inside = {int(word) for word in _read(f"{path}/cgroup.procs").split() if word.isdecimal()}
        if inside and inside.isdisjoint(programs):
            try:
                _write(f"{path}/cgroup.kill", "1")
            except OSError:
                pass  # it has become empty, or this kernel cannot

    def found(self) -> list[tuple[str, str]]:
        """Return service and name of every program's group that exists."""
        services = f"{self.path}/{SERVICES}"
        return [(service, name) for service in _folders(services) for name in _folders(f"{services}/{service}")]

    def close(self) -> None:
        """Remove what is empty of all that was made here."""
        services = f"{self.path}/{SERVICES}"
        for service, name in self.found():
            self.remove(service, name)
        for path in (*(f"{services}/{service}" for service in _folders(services)), services, self._root and self.path):
            try:
                if path:
                    os.rmdir(path)
            except OSError:
                pass  # programs live on there

    def forget_the_dead(self) -> None:
        """Remove the groups of superds that are gone, as far as no program is left in them. Only in the root of the tree."""
        for name in _folders(self._root) if self._root else ():
            number = name.removeprefix(OWN)
            if name != number and number.isdecimal() and not os.path.exists(f"/proc/{number}"):
                dead = object.__new__(Home)
                dead._root, dead.path = self._root, f"{self._root}/{name}"
                dead.close()


# ---------------------------------------------------------------------------------------------------- where it is


def _mount() -> tuple[str, str]:
    """Return where the tree is mounted, and which part of it. Raises ``NoGroup``."""
    why = "cgroup v2 is not mounted"
    for line in _read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.partition(" ")[0] != "cgroup2":
            continue
        inside, mount, options = fields.split(" ")[3:6]
        if "ro" in options.split(","):
            why = "cgroup v2 is mounted read-only"
        elif not os.path.exists(f"{mount}/cgroup.controllers"):
            why = f"`{mount}` is covered by another mount"
        else:
            return mount, inside
    raise NoGroup(why)


def _group_of(pid: int, inside: str) -> str:
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        if line.startswith("0::"):
            own = line[3:]
            if own.startswith("/.."):
                raise NoGroup("superd is outside of the part of the tree that is mounted")
            return own.removeprefix(inside) if inside != "/" else own
    raise NoGroup("superd is in no group of cgroup v2")


def _missing(plan: GroupPlan, controllers: Collection[str]) -> str:
    missing = {name.partition(".")[0] for name, _ in (*plan.each, *plan.together)}.difference(controllers)
    if not missing:
        return ""
    if missing & _v1_controllers():
        return f"the controller `{min(missing & _v1_controllers())}` belongs to cgroup v1 on this host"
    return f"superd's group has no controller `{min(missing)}`"


def _v1_controllers() -> set[str]:
    """Return the controllers that a hierarchy of cgroup v1 has (proc_cgroups: a number that is not 0)."""
    rows = (line.split() for line in _read("/proc/cgroups").splitlines() if not line.startswith("#"))
    return {"io" if row[0] == "blkio" else row[0] for row in rows if len(row) == 4 and row[1] != "0"}


def _delegated(path: str) -> bool:
    for name in ("trusted.delegate", "user.delegate"):
        try:
            if os.getxattr(path, name) == b"1":
                return True
        except OSError:
            continue
    return False


# ---------------------------------------------------------------------------------------------------- files


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _make(path: str) -> None:
    try:
        os.mkdir(path)
        os.chmod(path, _MODE)
    except FileExistsError:
        pass


def _enable(path: str, wanted: str) -> None:
    if wanted and not {name[1:] for name in wanted.split()} <= set(_read(f"{path}/cgroup.subtree_control").split()):
        _write(f"{path}/cgroup.subtree_control", wanted)


def _move(pid: str, path: str) -> None:
    try:
        _write(f"{path}/cgroup.procs", pid)
    except ProcessLookupError:
        pass  # it has ended


def _write_all(path: str, files: Iterable[File]) -> None:
    for name, value in files:
        try:
            _write(f"{path}/{name}", value)
        except FileNotFoundError:
            if name in _ABSENT:
                continue
            if name not in _OTHER_NAMES:
                raise
            _write(f"{path}/{_OTHER_NAMES[name]}", value)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(fd, text.encode())
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, path) from None
    finally:
        os.close(fd)
