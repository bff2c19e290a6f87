"""syslog's facilities and levels: their words, and the numbers of syslog.h and RFC 5424, section 6.2.1.

Runs in any process. Never writes a record.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from superd.problem import Severity

FACILITIES: dict[str, int] = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip
LEVELS: dict[str, int] = {"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7}

OTHER_FACILITIES: dict[str, int] = {"security": 4}
OTHER_LEVELS: dict[str, int] = {"panic": 0, "error": 3, "warn": 4, "none": 6}
"""Older words for some of them; `none` is BSD's, and means that only the facility was named."""

LevelWord = Literal["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"]
"""What callers of the log write; mypy checks each."""


class Level(Enum):
    """How urgent an event is: ``number`` is syslog's, ``word`` is what superd's own formats print."""

    EMERG = 0, "emerg"
    ALERT = 1, "alert"
    CRIT = 2, "crit"
    ERROR = 3, "error"
    WARNING = 4, "warning"
    NOTICE = 5, "notice"
    INFO = 6, "info"
    DEBUG = 7, "debug"

    def __init__(self, number: int, word: LevelWord) -> None:
        # Attributes: a property of an enum's member, or a table by member, takes a microsecond.
        self.number = number
        self.word = word


_BY_WORD: dict[str, Level] = {level.word: level for level in Level}


def level_of(word: LevelWord | Severity) -> Level:
    """Return the level that a word of the log, or the severity of a problem, stands for."""
    if isinstance(word, Severity):
        return _SEVERITIES[word]
    return _BY_WORD[word]


_SEVERITIES = {Severity.ERROR: Level.ERROR, Severity.WARNING: Level.WARNING, Severity.NOTE: Level.NOTICE}


def priority(text: str, facility: str, level: str) -> int:
    """Return the number of ``[facility.]level``; what ``text`` lacks is taken from the others (syslog.h). Raises ``KeyError``."""
    named, _, said = text.lower().rpartition(".")
    return facility_number(named or facility) | level_number(said or level)


def facility_number(word: str) -> int:
    """The facility's bits; ``none`` has no bits. Raises ``KeyError``."""
    return 0 if word == "none" else (FACILITIES | OTHER_FACILITIES)[word] << 3


def level_number(word: str) -> int:
    """The level's bits. Raises ``KeyError``."""
    return (LEVELS | OTHER_LEVELS)[word]
