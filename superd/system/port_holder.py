"""Which process holds a port or a unix path, from /proc: its pid, program and systemd unit.

Runs in: master, when an address is in use.
Never: fails; without /proc, or without the right to look, the answer is empty. Bounded in processes and descriptors.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from superd.address import BindAddress

MAX_DESCRIPTORS = 200_000
"""Descriptors of all processes that are looked at: 0.3 s."""
MAX_TABLE = 16 << 20
"""Bytes of a table of /proc/net that are read. Of TCP's only the listening sockets, which come first."""
_LISTEN, _UDP = "0A", "07"
"""States in /proc/net/tcp and udp (include/net/tcp_states.h)."""


@frozen
class Holder:
    """``unit`` is the systemd unit, if the process is in one."""

    pid: int
    program: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.program} (pid {self.pid}{', ' + self.unit if self.unit else ''})"


def holder_of(address: BindAddress) -> Holder | None:
    """Return the process that has ``address``, or one that overlaps it; None if it cannot be found."""
    wanted = set(_inodes(address))
    if not wanted:
        return None
    looked_at = 0
    own = str(os.getpid())
    for pid in sorted((name for name in _list("/proc") if name.isdecimal() and name != own), key=int):
        for fd in _list(f"/proc/{pid}/fd"):
            looked_at += 1
            try:
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if link.startswith("socket:[") and link[8:-1] in wanted:
                return Holder(int(pid), _program(pid), _unit(pid))
        if looked_at > MAX_DESCRIPTORS:
            return None
    return None


def _inodes(address: BindAddress) -> Iterator[str]:
    """Yield the inodes of sockets that are in the way of ``address``."""
    if address.path:
        shown = address.path
        for line in _lines("/proc/net/unix"):
            words = line.split(None, 7)
            if len(words) == 8 and words[7] == shown:
                yield words[6]
        return
    names = {SocketType.STREAM: ("tcp", "tcp6"), SocketType.DGRAM: ("udp", "udp6"), SocketType.RAW: ("raw", "raw6")}
    for name in names.get(address.socket_type, ()):
        for line in _lines(f"/proc/net/{name}"):
            words = line.split()
            if address.socket_type is SocketType.STREAM and words[3:4] != [_LISTEN]:
                break  # what follows are connections: a hundred thousand take the kernel 0.1 s
            host, _, port = words[1].partition(":") if len(words) > 9 else ("", "", "")
            if not port or int(port, 16) != address.port:
                continue
            if _meets(host, address.host):
                yield words[9]


def _meets(shown: str, host: str) -> bool:
    """Whether the address ``shown`` in /proc/net (hexadecimal words of this machine's order) overlaps ``host``."""
    packed = b"".join(bytes.fromhex(shown[at : at + 8])[::-1] for at in range(0, len(shown), 8))
    if not any(packed) or host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return True
    bare = host.partition("%")[0]
    try:
        wanted = socket.inet_pton(socket.AF_INET6 if ":" in bare else socket.AF_INET, bare)
    except OSError:
        return False
    return packed.endswith(wanted)


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str, most: int) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def _lines(path: str) -> Iterator[str]:
    """Yield the lines of a table but its first; the kernel makes those that are asked for."""
    try:
        with open(path, "rb") as file:
            next(file, None)
            left = MAX_TABLE
            for line in file:
                left -= len(line)
                if left < 0:
                    return
                yield line.rstrip(b"\n").decode("utf-8", "replace")
    except OSError:
        return


def _program(pid: str) -> str:
    name = _read(f"/proc/{pid}/comm", 64).strip()
    return "".join(letter if letter.isprintable() and letter != "`" else "?" for letter in name) or "a process"


def _unit(pid: str) -> str:
    """Return the innermost unit of the process's cgroup: ``xinetd.service``, ``session-3.scope``."""
    for line in _read(f"/proc/{pid}/cgroup", 4096).splitlines():
        for part in reversed(line.rpartition(":")[2].split("/")):
            if part.endswith((".service", ".socket", ".scope")) and part.isprintable():
                return part
    return ""
