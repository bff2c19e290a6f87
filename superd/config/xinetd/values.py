"""What the values of one xinetd attribute mean: yes, numbers, sizes, hours, log_type. Pure.

A value that xinetd would not have taken breaks its section. Source: xinetd 2.3.15.3 parsers.c and logctl.c.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

import re

from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.quantities import bytes_of

YES = frozenset({"yes", "true", "1", "on"})
NO = frozenset({"no", "false", "0", "off"})
FACILITIES = ["daemon", "auth", "authpriv", "user", "mail", "lpr", "news", "uucp", "ftp"] + [f"local{n}" for n in range(8)]
LEVELS = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]


def words(lines: list[Line]) -> list[str] | None:
    """The values after all operators, each once; ``None`` where the attribute never stood."""
    if not lines:
        return None
    found: dict[str, None] = {}
    for line in lines:
        for word in line.values:
            if line.operator == "-=":
                found.pop(word, None)
            else:
                found[word] = None
    return list(found)


def yes(line: Line, section: Section) -> bool:
    """``yes`` or ``no`` in any case; other words are an error, as in xinetd."""
    word = line.values[0].lower()
    if word not in ("yes", "no"):
        hint = f"write `{line.name} = {'yes' if word in YES else 'no'}`" if word in YES | NO else "write yes or no"
        section.fail(line, f"`{line.name} = {line.values[0][:40]}` is not yes or no", hint)
    return word == "yes"


def number(line: Line, section: Section, *, low: int = 0, high: int = 2**31 - 1, base: int = 10) -> int | None:
    """A number within bounds; ``UNLIMITED`` is -1 where ``low`` is -1."""
    word = line.values[0]
    if low == -1 and word.upper() == "UNLIMITED":
        return -1
    if re.fullmatch(r"-?[0-9]{1,12}", word, re.ASCII):
        try:
            value = int(word, base)
        except ValueError:
            value = low - 1
        if low <= value <= high:
            return value
    digits = re.match(r"-?[0-9]{1,10}", word.strip("\"'"), re.ASCII)
    right = int(digits[0], base) if digits and not set(digits[0]) - set("-01234567" if base == 8 else "-0123456789") else low - 1
    hint = f"write `{line.name} = {digits[0]}`" if digits and low <= right <= high and right != -1 else ""
    section.fail(line, f"`{line.name} = {word[:40]}` is not a number xinetd takes", hint)
    return None


def size(line: Line, section: Section) -> int | None:
    """Bytes with K or M, ``UNLIMITED`` as -1, 0 as ``None`` (xinetd: not set)."""
    word = line.values[0]
    found = bytes_of(word, "KM")
    if word.upper() == "UNLIMITED" or word == "-1":
        return -1
    if found is None:
        section.fail(line, f"`{line.name} = {word[:40]}` is not a size like 64K or UNLIMITED")
        return None
    return found or None


def hours(line: Line, section: Section) -> list[str]:
    """``2:00-8:59`` as ``02:00-08:59``."""
    found = []
    for word in line.values:
        match = re.fullmatch(r"(\d{1,2}):(\d{1,2})-(\d{1,2}):(\d{1,2})", word, re.ASCII)
        times = [int(part) for part in match.groups()] if match else []
        if len(times) != 4 or max(times[0], times[2]) > 23 or max(times[1], times[3]) > 59 or times[:2] >= times[2:]:
            section.fail(line, f"`{word[:40]}` is not hour:minute-hour:minute within one day, 0:00 to 23:59")
            continue
        found.append("{:02}:{:02}-{:02}:{:02}".format(*times))
    if not found and not line.values:
        section.fail(line, "`access_times` names no hours")
    return found


def log_type(line: Line, section: Section) -> str:
    """``SYSLOG facility [level]`` or ``FILE path [soft [hard]]``, checked as logctl.c and parsers.c do."""
    kind, *rest = line.values or ("",)
    if kind.upper() == "SYSLOG" and 1 <= len(rest) <= 2:
        if rest[0].lower() in FACILITIES and (len(rest) == 1 or rest[1].lower() in LEVELS):
            return " ".join(["SYSLOG", *(word.lower() for word in rest)])
    elif kind.upper() == "FILE" and 1 <= len(rest) <= 3:
        sizes = [found for word in rest[1:] if (found := bytes_of(word, "KM")) is not None]
        if len(sizes) == len(rest) - 1 and sizes == sorted(sizes) and rest[0].startswith("/"):
            return " ".join(["FILE", *rest])
    section.fail(line, f"`log_type = {' '.join(line.values)[:80]}` is not `SYSLOG facility [level]` or `FILE path [soft [hard]]`")
    return ""
