"""How a file of the configuration ends, and every text it would be if it were cut short. A value; runs in any process.

What: some bytes a line of a file, against which the next reading of it is held. Never: keeps the text, or reads a file.
"""

from __future__ import annotations

import re
from array import array
from zlib import crc32

from superd.frozen import frozen

_SAYS = re.compile(rb"\s*[^\s#]")
_TABLE = re.compile(rb"\s*\[+\s*([a-z_]+)")
_GUARDS = re.compile(rb"\s*\[?\s*(defaults|policy|control|process_limit)\b")
_DEFAULTS = re.compile(rb"\s*defaults\b")


@frozen
class FileEnd:
    """``ended``: the last line has its end. ``mark`` stands for the whole text, ``cuts`` for all that it may be cut to."""

    ended: bool
    lines: int
    mark: int
    cuts: bytes = b""

    def cut_from(self, before: FileEnd) -> bool:
        """Return whether this text is the first lines of the one before, and what follows there says something."""
        return self.mark in array("Q", before.cuts)


def file_end_of(data: bytes, grammar: str = "") -> FileEnd:
    """Return how ``data`` ends.

    What must not be cut off: of a `service` any key; of `settings` the tables that all services or operators are held to; of
    other files what closes all services before it. An operator removes the rest as often as not: a service, a page.
    """
    says = _SAYS if grammar == "service" else _GUARDS if grammar == "settings" else _DEFAULTS
    guarded = False
    marks = [0]
    length = checksum = last = 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        length += len(line)
        checksum = crc32(line, checksum)
        marks.append(length << 32 | checksum)
        if grammar == "settings" and _TABLE.match(line):
            guarded = bool(_GUARDS.match(line))
        if says.match(line) or (guarded and _SAYS.match(line)):
            last = number
    return FileEnd(data.endswith(b"\n") or not data, len(lines), marks[-1], array("Q", marks[:last]).tobytes())
