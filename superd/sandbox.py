"""What a service's program is kept from: the keys of its table ``[sandbox]``, and the plan that a launcher carries out.

Pure words: any process. Never looks at the host; what a host cannot do is found by ``system/sandboxing.py``.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from superd.model import Model
from superd.quantities import Size, Words

CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ",
    "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
"""By their numbers (linux/capability.h)."""
CALL_GROUPS = (
    "@mount", "@namespaces", "@debug", "@module", "@reboot", "@swap", "@clock", "@raw-io", "@keyring", "@obsolete", "@bpf",
    "@io-uring", "@handles", "@admin", "@network-io",
)  # fmt: skip
"""Groups of system calls (``system/call_groups.py`` has their members), most with systemd's names."""
DEFAULT_GROUPS = tuple(group for group in CALL_GROUPS if group != "@network-io")
"""What the word ``default`` stands for: calls that no ordinary service makes."""

_SMALLEST = 64 << 10
"""Bytes of a /tmp that a program can work with."""
_FIRST_USER, _LAST_USER, _MOST_USERS = 1000, (1 << 31) - 1, 65536
"""User ids: below are the system's own; above some programs read a negative number."""
USERS_EXAMPLE = "1879048192-1879049191"
"""Ids that no distribution and no systemd gives to others (its UIDS-GIDS.md)."""
_LAST_PORT = 65535
STRICT: dict[str, Any] = {
    "no_new_privs": True,
    "capabilities": (),
    "private_tmp": 64 << 20,
    "read_only": ("/",),
    "hide": ("-/home", "-/root", "-/etc/superd"),
    "private_network": True,
    "private_pids": True,
    "private_ipc": True,
    "seccomp": ("default",),
}
"""What ``preset = "strict"`` stands for, where the table does not say otherwise."""


def _check_path(word: str, path: str) -> None:
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"`{word}` is not an absolute path")


class Sandbox(Model):
    """Each key is off unless it is written, and the service is refused where this host cannot do what is written."""

    preset: Literal["", "strict"] = Field(
        "",
        description="strict: every other key of this table at a value that fits a program which needs its connection alone; a "
        "key that is written wins",
    )
    no_new_privs: bool = Field(False, description="no set-uid program and no file capability gives the program more rights")
    capabilities: Words | None = Field(
        None, description="the only capabilities that the program, or a set-uid program it runs, can ever have; [] is none"
    )
    ambient: Words = Field((), description="capabilities that the program has from the start, though its user is not root")
    private_tmp: Size | None = Field(
        None, description="each program has a /tmp, /var/tmp and /dev/shm of its own, each of this size, gone when it ends"
    )
    read_only: Words = Field(
        (), description="folders in which nothing can be written; `/` is everything, `-/path` need not exist"
    )
    read_write: Words = Field((), description="folders inside of those in which the program can write all the same")
    hide: Words = Field((), description="files and folders that the program cannot open; `-/path` need not exist")
    private_network: bool = Field(
        False, description="no network but a loopback of its own; the connection that the program was given works"
    )
    private_pids: bool = Field(
        False,
        description="each program sees its own processes alone, and none of them outlives it; it is their first process, so "
        "SIGTERM reaches it only if it has a handler for it",
    )
    private_ipc: bool = Field(False, description="no System V IPC and no POSIX message queue of other services")
    root: str = Field(
        "",
        description="folder that is / for the program, and all that it sees of the host's files; paths of other keys, `server` "
        "and `directory` too, are then inside of it; where it has folders /proc and /dev, these are the host's, /dev with its "
        "harmless files alone",
    )
    landlock: Words = Field(
        (),
        description="the only files that the program can open: `/path` to read and execute all in it, `rw:/path` to write, make "
        "and remove too, `-` before it for one that may be missing; with `connect:PORT` or `bind:PORT` the only TCP ports",
    )
    dynamic_user: str = Field(
        "",
        description="range of user ids, FIRST-LAST, of which each program has one that no other process has; the first is the "
        "launcher's; needs private_pids, private_tmp and read_only of `/`, so that nothing outlives the user",
    )
    seccomp: Words = Field(
        (),
        description="groups of system calls that fail with EPERM, such as @mount, @debug, @network-io; default: those that no "
        "ordinary service makes",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        if isinstance(data, str):
            data = {"preset": data}
        if isinstance(data, dict) and data.get("preset") == "strict":
            return {**STRICT, **data}
        return data

    @field_validator("capabilities", "ambient", mode="after")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for word in value or ():
            if word.upper() not in CAPABILITIES:
                raise ValueError(f"`{word}` is not a capability like CAP_NET_RAW")
        return None if value is None else tuple(word.upper() for word in value)

    @field_validator("private_tmp", mode="after")
    @classmethod
    def _large_enough(cls, value: int | None) -> int | None:
        if value is not None and value < _SMALLEST:
            raise ValueError(f"`{value}` is less than {_SMALLEST >> 10}K")
        return value

    @field_validator("read_only", "read_write", "hide", mode="after")
    @classmethod
    def _absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            _check_path(word, word.removeprefix("-"))
        return value

    @field_validator("root", mode="after")
    @classmethod
    def _root(cls, value: str) -> str:
        if value:
            _check_path(value, value)
            if not value.strip("/"):
                raise ValueError(f"`{value}` is the host's own root")
        return value.rstrip("/")

    @field_validator("landlock", mode="after")
    @classmethod
    def _landlock(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            kind, sign, port = word.partition(":")
            if sign and kind in ("connect", "bind"):
                if not (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
                    raise ValueError(f"`{word}`: `{port}` is not a port")
            else:
                _check_path(word, word.removeprefix("-").removeprefix("rw:"))
        return value

    @field_validator("dynamic_user", mode="after")
    @classmethod
    def _range(cls, value: str) -> str:
        if value:
            first, _, last = value.partition("-")
            if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
                raise ValueError(f"`{value}` is not a range like {USERS_EXAMPLE}")
            if not _FIRST_USER <= int(first) < int(last) <= _LAST_USER:
                raise ValueError(f"`{value}` is not a range of two ids or more between {_FIRST_USER} and {_LAST_USER}")
            if int(last) - int(first) >= _MOST_USERS:
                raise ValueError(f"`{value}` has more than {_MOST_USERS} ids")
        return value

    @field_validator("seccomp", mode="after")
    @classmethod
    def _groups(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if word != "default" and word not in CALL_GROUPS:
                raise ValueError(f"`{word}` is not `default` or one of {', '.join(CALL_GROUPS)}")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Sandbox:
        if self.read_write and not self.read_only:
            raise ValueError("`read_write` needs `read_only`: without it every folder can be written")
        if self.ambient and (self.private_tmp or self.private_pids):
            key = "private_tmp" if self.private_tmp else "private_pids"
            raise ValueError(f"`ambient` has no effect with `{key}`: its programs are in a user namespace")
        if self.dynamic_user and not (self.private_pids and self.private_tmp and "/" in self.read_only):
            keys = "`private_pids`, `private_tmp` and `read_only` of `/`"
            raise ValueError(f"`dynamic_user` needs {keys}: files and processes would outlive the user")
        missing = [word for word in self.ambient if self.capabilities is not None and word not in self.capabilities]
        if missing:
            raise ValueError(f"`ambient` has {missing[0]}, which `capabilities` leaves out")
        return self

    @property
    def any(self) -> bool:
        """Whether it keeps the program from anything."""
        return self != OFF

    @property
    def namespaces(self) -> bool:
        """Whether it needs a namespace, so that the launcher cannot be another service's too."""
        return bool(
            self.private_tmp
            or self.read_only
            or self.hide
            or self.private_network
            or self.private_pids
            or self.private_ipc
            or self.root
        )

    @property
    def needs_no_new_privs(self) -> bool:
        """Whether no_new_privs is set: what refuses calls or files must not confuse a set-uid program."""
        return self.no_new_privs or bool(self.seccomp) or bool(self.landlock)

    @property
    def users(self) -> range:
        """The user ids of `dynamic_user`; the first is the launcher's."""
        first, _, last = self.dynamic_user.partition("-")
        return range(int(first), int(last) + 1) if first else range(0)

    @property
    def landlock_files(self) -> tuple[tuple[str, bool, bool], ...]:
        """The paths of `landlock`, each with whether it can be written and whether it need not exist."""
        found = []
        for word in self.landlock:
            optional, path = word.startswith("-"), word.removeprefix("-")
            if path.startswith(("/", "rw:")):
                found.append((path.removeprefix("rw:"), path.startswith("rw:"), optional))
        return tuple(found)

    def landlock_ports(self, kind: str) -> tuple[int, ...]:
        """The ports that `landlock` names after ``kind``, which is `connect` or `bind`."""
        return tuple(int(word.removeprefix(kind + ":")) for word in self.landlock if word.startswith(kind + ":"))

    @property
    def call_groups(self) -> tuple[str, ...]:
        """The groups that `seccomp` names, `default` written out."""
        named = {group for word in self.seccomp for group in (DEFAULT_GROUPS if word == "default" else (word,))}
        return tuple(group for group in CALL_GROUPS if group in named)


OFF = Sandbox.model_construct()


def plan_of(sandbox: Sandbox, service: str) -> str:
    """Return what a launcher carries out, as JSON, or ``""``. One with namespaces is this service's alone."""
    if not sandbox.any:
        return ""
    return json.dumps(
        {
            "service": service if sandbox.namespaces else "",
            "no_new_privs": sandbox.needs_no_new_privs,
            "bounding": None if sandbox.capabilities is None else [CAPABILITIES.index(word) for word in sandbox.capabilities],
            "ambient": [CAPABILITIES.index(word) for word in sandbox.ambient],
            "tmp": sandbox.private_tmp or 0,
            "read_only": sandbox.read_only,
            "read_write": sandbox.read_write,
            "hide": sandbox.hide,
            "network": sandbox.private_network,
            "pids": sandbox.private_pids,
            "ipc": sandbox.private_ipc,
            "calls": sandbox.call_groups,
            "root": sandbox.root,
            "files": sandbox.landlock_files if sandbox.landlock else None,
            "connect": sandbox.landlock_ports("connect"),
            "bind": sandbox.landlock_ports("bind"),
            "users": [sandbox.users[0], sandbox.users[-1]] if sandbox.users else None,
        },
        sort_keys=True,
    )


def exposure(sandbox: Sandbox, *, root: bool) -> tuple[list[tuple[str, bool, float]], float]:
    """Return what a program is kept from as (line, whether it is, weight), and the score from 0 to 10 (10: from nothing)."""
    few_files = bool(sandbox.root or sandbox.landlock)
    rows = [
        ("runs as another user than root", not root or bool(sandbox.users), 1.5),
        ("has a user of its own", bool(sandbox.users), 0.5),
        ("gets no rights by set-uid programs", sandbox.needs_no_new_privs, 1.0),
        ("can never have a capability", sandbox.capabilities == (), 1.0),
        ("has a /tmp of its own", sandbox.private_tmp is not None, 0.5),
        ("cannot write to the system", "/" in sandbox.read_only, 1.0),
        ("does not see the users' files", few_files or any("/home" in word for word in sandbox.hide), 0.5),
        ("sees no files but those it needs", few_files, 0.5),
        ("has no network but its connection", sandbox.private_network, 1.0),
        ("does not see other processes", sandbox.private_pids, 1.0),
        ("has no IPC with other services", sandbox.private_ipc, 0.5),
        ("cannot make system calls that no service needs", set(DEFAULT_GROUPS) <= set(sandbox.call_groups), 1.0),
    ]
    return rows, round(sum(weight for _, kept, weight in rows if not kept), 1)
