"""/etc/hosts and /etc/networks as the readers of foreign files ask them: a name's number. Never asks a name server."""

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
