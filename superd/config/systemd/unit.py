"""A unit file of systemd → its settings with their lines (systemd.syntax(7)), and a command line → words. Pure; any process.

Never: expands a specifier or a variable: what a unit leaves to the moment of its start, an import cannot know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from superd.frozen import frozen
from superd.problem import Origin, Problem, error

MAX_SETTINGS = 10_000
_SECTION = re.compile(r"\[([A-Za-z0-9-]+)\]\s*")
_BACKSLASHES = {"s": " ", "n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


@frozen
class Setting:
    """One line ``key = value`` of a section."""

    section: str
    key: str
    value: str
    origin: Origin


class Unusual(Exception):
    """A value that an import cannot carry over; the text says why."""


def read_unit(data: bytes, file: str) -> tuple[list[Setting], list[Problem]]:
    """The settings of one file, in its order."""
    settings: list[Setting] = []
    problems: list[Problem] = []
    section = ""
    lines = data.decode("utf-8", "replace").replace("\0", "\ufffd").split("\n")
    at = 0
    while at < len(lines) and len(settings) < MAX_SETTINGS:
        number, line = at + 1, lines[at].strip()
        at += 1
        if not line or line[0] in "#;":
            continue
        while line.endswith("\\") and at < len(lines):
            follows = lines[at].strip()
            at += 1
            if not follows.startswith(("#", ";")):
                line = f"{line[:-1]} {follows}"
        origin = Origin(file, number)
        if match := _SECTION.fullmatch(line):
            section = match[1]
        elif "=" in line:
            key, _, value = line.partition("=")
            settings.append(Setting(section, key.strip(), value.strip(), origin))
        else:
            problems.append(error(origin, f"`{line}` is neither a section nor a setting"))
    return settings, problems


def values_of(settings: Iterable[Setting], section: str, key: str) -> list[Setting]:
    """Every line of a key; an empty one clears those before it, as systemd's lists do."""
    found: list[Setting] = []
    for setting in settings:
        if (setting.section, setting.key) == (section, key):
            found = [*found, setting] if setting.value else []
    return found


def truth(value: str) -> bool:
    """A boolean of systemd. Raises ``Unusual``."""
    word = value.lower()
    if word in ("1", "yes", "true", "on", "y", "t"):
        return True
    if word in ("0", "no", "false", "off", "n", "f"):
        return False
    raise Unusual(f"`{value}` is not yes or no")


def words(text: str) -> list[str]:
    """The words of a value, quotes and backslashes taken off; ``%%`` and ``$$`` are one. Raises ``Unusual``."""
    found: list[str] = []
    word, quote, started = "", "", False
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            follows = next(letters, "")
            if follows not in _BACKSLASHES or not follows:
                raise Unusual(f"`\\{follows}` is an escape that an import does not know")
            word, started = word + _BACKSLASHES[follows], True
        elif quote:
            if letter == quote:
                quote = ""
            else:
                word += letter
        elif letter in "\"'" and not word:
            quote, started = letter, True
        elif letter.isspace():
            if started:
                found.append(word)
            word, started = "", False
        else:
            word, started = word + letter, True
    if quote:
        raise Unusual(f"the quote {quote} is not closed")
    return [*found, word] if started else found


def plain(word: str) -> str:
    """A word without specifiers and variables. Raises ``Unusual`` where it has one."""
    rest = word.replace("%%", "")
    if match := re.search(r"%.?", rest):
        raise Unusual(f"`{match[0]}` is a specifier, which only systemd can fill in")
    rest = word.replace("$$", "")
    if match := re.search(r"\$(\{[^}]*\}|\w+)", rest):
        raise Unusual(f"`{match[0]}` is a variable, which superd does not expand in arguments")
    return word.replace("%%", "%").replace("$$", "$")


_UNITS = {
    "us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip


def seconds(value: str) -> float | None:
    """A time span of systemd.time(7); ``None`` for infinity. Raises ``Unusual``."""
    if value in ("infinity", "0"):
        return None
    if not re.fullmatch(r"(\s*\d+(\.\d+)?\s*[a-z]*)+", value):
        raise Unusual(f"`{value}` is not a time span")
    total = 0.0
    for number, unit in re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value):
        if unit not in _UNITS:
            raise Unusual(f"`{unit}` is not a unit of time that an import knows")
        total += float(number) * _UNITS[unit]
    return total
