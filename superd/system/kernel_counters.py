"""What the kernel counts about this host's network queues, and its release. Never waits.

Runs in: master. Never: reads more than the two lines it needs.
"""

from __future__ import annotations

import os

_WANTED = ("ListenOverflows", "ListenDrops")


def release() -> str:
    """Return the kernel's name and release, as ``Linux 6.12``."""
    system = os.uname()
    return f"{system.sysname} {'.'.join(system.release.split('-')[0].split('.')[:2])}"


def counters() -> dict[str, int]:
    """Return connections that found a full accept queue, and that were dropped, in this network namespace; {} if unknown."""
    try:
        with open("/proc/net/netstat", "rb") as file:
            text = file.read(65536).decode("ascii", "replace")
    except OSError:
        return {}
    return parse(text)


def parse(text: str) -> dict[str, int]:
    """Return the wanted counters of /proc/net/netstat's text."""
    lines = [line.split() for line in text.splitlines() if line.startswith("TcpExt:")]
    if len(lines) < 2:
        return {}
    values = dict(zip(lines[0], lines[1], strict=False))
    return {name: int(values[name]) for name in _WANTED if values.get(name, "").isdecimal()}
