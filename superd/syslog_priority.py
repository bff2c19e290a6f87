"""syslog's facilities and levels by their words, and the numbers of syslog.h and RFC 5424, section 6.2.1."""

from __future__ import annotations

FACILITIES: dict[str, int] = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip
LEVELS: dict[str, int] = {"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7}

OTHER_FACILITIES: dict[str, int] = {"security": 4}
OTHER_LEVELS: dict[str, int] = {"panic": 0, "error": 3, "warn": 4, "none": 6}
"""Older words for some of them; `none` is BSD's, and means that only the facility was said."""


def priority(text: str, facility: str, level: str) -> int:
    """The number of ``[facility.]level``, with defaults for what is not said (syslog.h). Raises ``KeyError``."""
    named, _, said = text.lower().rpartition(".")
    return facility_number(named or facility) | level_number(said or level)


def facility_number(word: str) -> int:
    """The facility's bits. ``none`` has none of them. Raises ``KeyError``."""
    return 0 if word == "none" else (FACILITIES | OTHER_FACILITIES)[word] << 3


def level_number(word: str) -> int:
    """The level's bits. Raises ``KeyError``."""
    return (LEVELS | OTHER_LEVELS)[word]
