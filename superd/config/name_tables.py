"""/etc/hosts, /etc/networks and /etc/services for the readers of foreign files: a name's number. Never asks a name server.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import re

from superd.config.foreign import FileReader


def read_table(files: FileReader, path: str, name_at: int) -> dict[str, str]:
    """/etc/hosts (address names…) or /etc/networks (name number aliases…) as name → number; empty when unreadable."""
    try:
        data = files.read(path)
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in data[: 1 << 20].decode(errors="replace").splitlines():
        words = re.split(r"[ \t]+", line.partition("#")[0].strip())
        if len(words) > 1:
            number = words[1 - name_at]
            for name in [words[name_at], *words[2:]]:
                found.setdefault(name.lower(), number)
    return found


def read_services(files: FileReader) -> dict[tuple[str, str], int]:
    """/etc/services as (name, protocol) → port; empty when unreadable. Case counts in names, as getservbyname(3) does."""
    try:
        data = files.read("/etc/services")
    except OSError:
        return {}
    found: dict[tuple[str, str], int] = {}
    for line in data[: 1 << 20].decode(errors="replace").splitlines():
        words = line.partition("#")[0].split()
        number, slash, protocol = words[1].partition("/") if len(words) > 1 else ("", "", "")
        if slash and number.isascii() and number.isdecimal() and len(number) < 6:
            for name in (words[0], *words[2:]):
                found.setdefault((name, protocol), int(number))
    return found
