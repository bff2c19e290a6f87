"""A service's ``log_type`` as a value: a syslog facility or a file with limits. Parsed once, in the model.

Runs in any process. Never opens the file.
"""

from __future__ import annotations

from superd.frozen import frozen
from superd.quantities import bytes_of
from superd.syslog_priority import FACILITIES, LEVELS, OTHER_FACILITIES, OTHER_LEVELS, facility_number, level_number


@frozen
class SyslogTarget:
    """``SYSLOG facility [level]``. The words are in lower case; ``level`` is ``""`` if the file names none."""

    facility: str
    level: str = ""

    @property
    def priority(self) -> int:
        """The number of facility and level together (RFC 5424, section 6.2.1)."""
        return facility_number(self.facility) | level_number(self.level or "info")

    def __str__(self) -> str:
        return f"SYSLOG {self.facility} {self.level}".rstrip()


@frozen
class FileTarget:
    """``FILE path [soft [hard]]``. Sizes in bytes; 0 means no limit. ``text`` is the value as the operator wrote it."""

    path: str
    soft: int = 0
    hard: int = 0
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"FILE {self.path}"


LogTarget = SyslogTarget | FileTarget


def parse_log_target(text: str) -> LogTarget:
    """Return the target that ``text`` names. Raises ``ValueError`` with the reason (xinetd: logctl.c, parsers.c)."""
    kind, *rest = text.split() or [""]
    if kind.upper() == "SYSLOG" and 1 <= len(rest) <= 2:
        facility, level = rest[0].lower(), rest[1].lower() if len(rest) == 2 else ""
        if facility not in FACILITIES and facility not in OTHER_FACILITIES:
            raise ValueError(f"`{text}`: unknown syslog facility `{rest[0]}`")
        if level and level not in LEVELS and level not in OTHER_LEVELS:
            raise ValueError(f"`{text}`: unknown syslog level `{rest[1]}`")
        return SyslogTarget(facility, level)
    if kind.upper() == "FILE" and 1 <= len(rest) <= 3 and rest[0].startswith("/"):
        sizes = [_size(word, text) for word in rest[1:]]
        if sizes != sorted(sizes):
            raise ValueError(f"`{text}`: the hard limit is below the soft limit")
        soft = sizes[0] if sizes else 0
        hard = sizes[1] if len(sizes) > 1 else _hard_limit(soft)
        return FileTarget(rest[0], soft, hard, " ".join(["FILE", *rest]))
    raise ValueError(f"`{text}`: write `SYSLOG facility [level]` or `FILE /path [soft [hard]]`")


def _hard_limit(soft: int) -> int:
    """The hard limit that goes with a soft one alone: 1 % more, from 5 to 20 KiB (xinetd: parsers.c, parse_filelog)."""
    return soft + min(max(soft // 100, 5 << 10), 20 << 10) if soft else 0


def _size(word: str, text: str) -> int:
    size = bytes_of(word)
    if size is None:
        raise ValueError(f"`{text}`: `{word}` is not a size like 4096, 64K or 1M")
    return size
