"""What a service unit keeps its program from, and what the program may use → keys of ``[sandbox]`` and ``[limits]``.

See systemd.exec(5) and systemd.resource-control(5). Runs in: the operator's commands. Pure.
Never: confines less without a word; what no key says is left to the caller, which names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from superd.config.systemd.unit import Setting, Unusual, plain, truth, values_of
from superd.problem import Origin, Problem, error, note, warning
from superd.sandbox import CALL_GROUPS, CAPABILITIES, DEFAULT_GROUPS

CALLS: dict[str, tuple[str, ...]] = {
    "@bpf": ("bpf",),
    "@io-uring": ("io_uring_setup", "io_uring_enter", "io_uring_register"),
    "@handles": ("name_to_handle_at", "open_by_handle_at", "fanotify_init"),
    "@admin": ("acct", "syslog", "quotactl", "quotactl_fd", "sethostname", "setdomainname"),
}
"""Groups of superd that systemd has no name for, as it says them."""
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - the programs' own
"""The folders of ``private_tmp``."""
HOMES = ("-/home", "-/root", "-/run/user")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = 64 << 20
"""Bytes of ``private_tmp`` for PrivateTmp=, which has no size: as ``preset = "strict"`` has it."""
_SYSTEM = {"full": ("/usr", "/etc", "-/boot", "-/efi"), "strict": ("/",)}
_STATE = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"}
_GROUPS = {
    "ProtectClock": "@clock", "ProtectKernelModules": "@module", "ProtectKernelLogs": "@admin", "ProtectHostname": "@admin",
}  # fmt: skip
"""Switches that keep the program from system calls of one group."""
_SWITCHES = {
    "NoNewPrivileges": "no_new_privs", "PrivateNetwork": "private_network", "PrivateIPC": "private_ipc",
    "PrivatePIDs": "private_pids",
}  # fmt: skip


@dataclass(slots=True)
class Confining:
    """The keys found, with their places; ``taken`` are the settings that need no further word."""

    keys: dict[str, object] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    root: str = ""
    _lists: dict[str, list[str]] = field(default_factory=dict)

    def put(self, key: str, value: object, where: Origin) -> None:
        """One key."""
        self.keys[key] = value
        self.origins.setdefault(key, where)

    def add(self, key: str, words: Iterable[str], where: Origin) -> None:
        """More words of a list."""
        found = self._lists.setdefault(key, [])
        found += [word for word in words if word not in found]
        self.put(f"sandbox.{key}", tuple(found), where)

    def clear(self, key: str) -> None:
        """An empty value of a list takes back those before it."""
        self._lists.pop(key, None)
        self.keys.pop(f"sandbox.{key}", None)
        self.origins.pop(f"sandbox.{key}", None)


def confining(settings: Iterable[Setting]) -> Confining:
    """The keys for everything in ``[Service]`` that confines."""
    found = Confining()
    own = [item for item in settings if item.section == "Service"]
    last = {item.key: item for item in own}
    found.root = last["RootDirectory"].value.rstrip("/") if "RootDirectory" in last else ""
    for item in own:
        read = _READERS.get(item.key)
        if read is None or (item.key not in _LISTS and item is not last[item.key]):
            continue
        found.taken.add(item.key)
        try:
            read(found, item)
        except Unusual as problem:
            found.problems.append(error(item.origin, f"{item.key}: {problem}"))
    _calls(found, values_of(own, "Service", "SystemCallFilter"))
    _fit(found)
    return found


def _fit(found: Confining) -> None:
    """What goes with other keys alone."""
    if "sandbox.seccomp" in found.keys:
        found.taken.add("SystemCallArchitectures")  # a filter refuses the calls of every other ABI
    if "sandbox.read_only" not in found.keys:
        found.clear("read_write")  # everything can be written
    if not found.keys.get("sandbox.ambient"):
        return
    for key in ("sandbox.private_tmp", "sandbox.private_pids"):
        if found.keys.pop(key, None):
            said = f"`{key}` has no effect for a program with AmbientCapabilities=, and is left out"
            found.problems.append(warning(found.origins.pop(key), said))


def _switch(found: Confining, item: Setting) -> None:
    if truth(item.value):
        found.put(f"sandbox.{_SWITCHES[item.key]}", True, item.origin)


def _group(found: Confining, item: Setting) -> None:
    if truth(item.value):
        found.add("seccomp", [_GROUPS[item.key]], item.origin)


def _tmp(found: Confining, item: Setting) -> None:
    if item.value == "disconnected" or truth(item.value):
        found.put("sandbox.private_tmp", _SIZE, item.origin)
        said = f"`PrivateTmp={item.value}` has no size; `private_tmp` has 64M, in memory"
        found.problems.append(note(item.origin, said, 'write `private_tmp = "1G"` in [sandbox] for more'))


def _filesystem(found: Confining, item: Setting) -> None:
    """TemporaryFileSystem= of the three folders with one size is ``private_tmp``."""
    sizes = {}
    for word in item.value.split():
        path, _, options = word.partition(":")
        size = next((part.removeprefix("size=") for part in options.split(",") if part.startswith("size=")), "")
        sizes[path] = _bytes(size) if size else _SIZE
    if set(sizes) == set(TEMPORARY) and len(set(sizes.values())) == 1:
        found.put("sandbox.private_tmp", sizes[TEMPORARY[0]], item.origin)
    else:
        found.taken.discard(item.key)


def _system(found: Confining, item: Setting) -> None:
    paths = _SYSTEM.get(item.value)
    if paths is None:
        paths = ("/usr", "-/boot", "-/efi") if truth(item.value) else ()
    if paths:
        found.add("read_only", paths, item.origin)


def _home(found: Confining, item: Setting) -> None:
    if item.value == "read-only":
        found.add("read_only", HOMES, item.origin)
    elif item.value == "tmpfs" or truth(item.value):
        found.add("hide", HOMES, item.origin)


def _paths(key: str) -> Callable[[Confining, Setting], None]:
    def read(found: Confining, item: Setting) -> None:
        if not item.value:
            found.clear(key)
            return
        for word in item.value.split():
            path = plain(word).lstrip("-+")
            if found.root and "+" not in word[:2]:  # a path of the host; superd's are inside of the root
                if not f"{path}/".startswith(f"{found.root}/"):
                    found.problems.append(warning(item.origin, f"`{word}` is lost: it is outside of RootDirectory="))
                    continue
                path = path.removeprefix(found.root) or "/"
            found.add(key, [("-" if "-" in word[:2] else "") + path], item.origin)

    return read


def _root(found: Confining, item: Setting) -> None:
    found.root = plain(found.root)
    if found.root:
        found.put("sandbox.root", found.root, item.origin)


def _state(found: Confining, item: Setting) -> None:
    if not item.value:
        return
    paths = [f"{_STATE[item.key]}/{plain(word).partition(':')[0]}" for word in item.value.split()]
    found.add("read_write", paths, item.origin)
    hint = "; ".join(f"install -d -o USER {path}" for path in paths)
    found.problems.append(note(item.origin, f"`{item.key}={item.value}`: superd makes no folders", hint))


def _bounding(found: Confining, item: Setting) -> None:
    """A plain list adds to the set, one after `~` takes away from it; the first of them begins with none or all."""
    denied, words = item.value.startswith("~"), [word.upper() for word in item.value.removeprefix("~").split()]
    known = [word for word in words if word in CAPABILITIES]
    for word in words:
        if word not in CAPABILITIES:
            found.problems.append(warning(item.origin, f"`{word}` is not a capability that superd knows"))
    before = found.keys.get("sandbox.capabilities", CAPABILITIES if denied else ())
    assert isinstance(before, tuple)
    if not item.value:
        kept: tuple[str, ...] = ()
    elif denied:
        kept = tuple(word for word in before if word not in known)
    else:
        kept = tuple(word for word in CAPABILITIES if word in before or word in known)
    found.put("sandbox.capabilities", kept, item.origin)


def _ambient(found: Confining, item: Setting) -> None:
    if item.value.startswith("~"):
        raise Unusual("a list after `~` gives the program nearly every right")
    if not item.value:
        found.clear("ambient")
        return
    found.add("ambient", [word.upper() for word in item.value.split()], item.origin)


def _namespaces(found: Confining, item: Setting) -> None:
    try:
        refused = truth(item.value)
    except Unusual:
        found.taken.discard(item.key)  # some kinds of namespaces
        return
    if refused:
        found.add("seccomp", ["@namespaces"], item.origin)


def _families(found: Confining, item: Setting) -> None:
    if item.value == "none":
        found.add("seccomp", ["@network-io"], item.origin)
    else:
        found.taken.discard(item.key)


def _calls(found: Confining, filters: list[Setting]) -> None:
    """SystemCallFilter=: the groups that a list after `~` refuses; an allow list refuses those that no ordinary service needs."""
    if not filters:
        return
    found.taken.add("SystemCallFilter")
    refused, denied = list[str](), dict[str, Origin]()
    where = filters[0].origin
    if not filters[0].value.startswith("~"):
        allowed = {word.partition(":")[0] for item in filters if not item.value.startswith("~") for word in item.value.split()}
        refused = ["default"] if not allowed & set(DEFAULT_GROUPS) else [word for word in DEFAULT_GROUPS if word not in allowed]
        said = f"`SystemCallFilter={filters[0].value}` allows these calls alone; `seccomp` refuses what no ordinary service calls"
        found.problems.append(warning(where, said, "keep the unit where the difference matters"))
    for item in filters:
        if item.value.startswith("~"):
            denied |= {word.partition(":")[0]: item.origin for word in item.value[1:].split()}
    whole = [group for group in CALL_GROUPS if group in denied or (group in CALLS and set(CALLS[group]) <= set(denied))]
    refused += [group for group in whole if group not in refused and not ("default" in refused and group in DEFAULT_GROUPS)]
    for word, origin in denied.items():
        if word not in whole and not any(word in CALLS.get(group, ()) for group in whole):
            found.problems.append(warning(origin, f"`~{word}` of SystemCallFilter= is lost: no group of `seccomp` is the same"))
    if refused:
        found.add("seccomp", refused, where)


def _bytes(value: str) -> int:
    number, unit = (value[:-1], value[-1:]) if value[-1:] in UNITS else (value, "")
    if not (number.isdecimal() and number.isascii() and len(number) < 16):
        raise Unusual(f"`{value}` is not a number of bytes")
    return int(number) * UNITS[unit]


def _limit(key: str, convert: Callable[[str], int]) -> Callable[[Confining, Setting], None]:
    def read(found: Confining, item: Setting) -> None:
        if item.value and item.value != "infinity":
            found.put(f"limits.{key}", convert(item.value), item.origin)

    return read


def _number(value: str) -> int:
    if not (value.isdecimal() and value.isascii() and len(value) < 10):
        raise Unusual(f"`{value}` is not a whole number")
    return int(value)


def _percent(value: str) -> int:
    if not value.endswith("%"):
        raise Unusual(f"`{value}` is not a percentage")
    return _number(value[:-1])


_READERS: dict[str, Callable[[Confining, Setting], None]] = {
    **dict.fromkeys(_SWITCHES, _switch),
    **dict.fromkeys(_GROUPS, _group),
    **dict.fromkeys(_STATE, _state),
    "PrivateTmp": _tmp,
    "RootDirectory": _root,
    "TemporaryFileSystem": _filesystem,
    "ProtectSystem": _system,
    "ProtectHome": _home,
    "ProtectControlGroups": lambda found, item: (
        found.add("read_only", ["-/sys/fs/cgroup"], item.origin) if item.value == "strict" or truth(item.value) else None
    ),
    "ReadOnlyPaths": _paths("read_only"),
    "ReadWritePaths": _paths("read_write"),
    "InaccessiblePaths": _paths("hide"),
    "CapabilityBoundingSet": _bounding,
    "AmbientCapabilities": _ambient,
    "RestrictNamespaces": _namespaces,
    "RestrictAddressFamilies": _families,
    "MemoryMax": _limit("memory", _bytes),
    "MemoryLimit": _limit("memory", _bytes),
    "MemorySwapMax": _limit("memory_swap", _bytes),
    "TasksMax": _limit("pids", _number),
    "CPUQuota": _limit("cpu_quota", _percent),
    "IOWeight": _limit("io_weight", _number),
}
_LISTS = {"CapabilityBoundingSet", "AmbientCapabilities", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", *_STATE}
"""Of all other settings the last line counts alone."""
