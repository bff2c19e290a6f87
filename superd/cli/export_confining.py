"""``[sandbox]`` and the limits of a program's group, as lines of a service unit that confine it as much: an import's opposite.

Runs in: the operator's commands. Never: writes a line that confines less than the key.
"""

from __future__ import annotations

from collections.abc import Iterator

from superd.config.systemd.confining import CALLS, TEMPORARY
from superd.service import Service

_SWITCHES = {
    "no_new_privs": "NoNewPrivileges",
    "private_network": "PrivateNetwork",
    "private_ipc": "PrivateIPC",
    "private_pids": "PrivatePIDs",
}
_PATHS = {"read_only": "ReadOnlyPaths", "read_write": "ReadWritePaths", "hide": "InaccessiblePaths"}


def confining_lines(service: Service) -> Iterator[tuple[str, str]]:
    """Each line with the key that it is for."""
    sandbox, limits = service.sandbox, service.limits
    for key, name in _SWITCHES.items():
        if getattr(sandbox, key):
            yield f"{name}=yes", f"sandbox.{key}"
    if sandbox.private_tmp is not None:
        places = " ".join(f"{path}:mode=1777,size={sandbox.private_tmp}" for path in TEMPORARY)
        yield f"TemporaryFileSystem={places}", "sandbox.private_tmp"
    if sandbox.root and _is_plain(sandbox.root):
        yield f"RootDirectory={sandbox.root}", "sandbox.root"
    for key, name in _PATHS.items():
        words = getattr(sandbox, key)
        if words and all(map(_is_plain, words)):
            yield f"{name}={' '.join(_inside(word) if sandbox.root else word for word in words)}", f"sandbox.{key}"
    if sandbox.capabilities is not None:
        yield f"CapabilityBoundingSet={' '.join(sandbox.capabilities)}", "sandbox.capabilities"
    if sandbox.ambient:
        yield f"AmbientCapabilities={' '.join(sandbox.ambient)}", "sandbox.ambient"
    if sandbox.seccomp:
        yield from ((line, "sandbox.seccomp") for line in _calls(sandbox.call_groups))
        if not sandbox.no_new_privs:
            yield "NoNewPrivileges=yes", "sandbox.seccomp"
    for key, name, unit in (
        ("memory", "MemoryMax", ""),
        ("memory_swap", "MemorySwapMax", ""),
        ("pids", "TasksMax", ""),
        ("cpu_quota", "CPUQuota", "%"),
        ("io_weight", "IOWeight", ""),
    ):
        if (value := getattr(limits, key)) is not None:
            yield f"{name}={'infinity' if value < 0 else f'{value}{unit}'}", f"limits.{key}"
    if limits.cpu is not None and service.rlimit_cpu is None:
        yield f"LimitCPU={limits.cpu}", "limits.cpu"


def _is_plain(word: str) -> bool:
    return not any(character.isspace() or character in "\"'\\%" for character in word)


def _inside(word: str) -> str:
    """A path that systemd looks for in RootDirectory=: one after a plus."""
    path = word.removeprefix("-")
    return f"{'-' if path != word else ''}+{path}"


def _calls(groups: tuple[str, ...]) -> Iterator[str]:
    words = [word for group in groups for word in CALLS.get(group, (group,)) if group != "@namespaces"]
    if words:
        yield f"SystemCallFilter=~{' '.join(words)}"
        yield "SystemCallErrorNumber=EPERM"
    yield "SystemCallArchitectures=native"
    if "@namespaces" in groups:
        yield "RestrictNamespaces=yes"
