"""What each xinetd attribute takes and means, as keys of ``Service``. Judges one section's lines; never reads a file.

Source: xinetd 2.3.15.3 parse.c (the two tables) and parsers.c; xinetd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from superd.config.synonyms import meant
from superd.config.xinetd.addresses import BadAddress, Reading, as_xinetd, read_word
from superd.config.xinetd.lexer import Line
from superd.problem import Problem, Severity, error, note, warning

YES = frozenset({"yes", "true", "1", "on"})
NO = frozenset({"no", "false", "0", "off"})
LIST, SUM = -1, -2
"""Counts of parse.c: any number by ``=`` alone; any number by ``=``, ``+=`` and ``-=``."""

COUNTS: Mapping[str, int] = {
    **dict.fromkeys(
        [
            "socket_type",
            "protocol",
            "wait",
            "user",
            "group",
            "groups",
            "umask",
            "nice",
            "server",
            "instances",
            "per_source",
            "max_load",
            "id",
            "port",
            "bind",
            "interface",
            "rpc_version",
            "rpc_number",
            "banner",
            "banner_success",
            "banner_fail",
            "disable",
            "rlimit_as",
            "rlimit_data",
            "rlimit_rss",
            "rlimit_stack",
            "rlimit_cpu",
            "rlimit_files",
            "deny_time",
            "v6only",
            "libwrap",
        ],
        1,
    ),
    **dict.fromkeys(("cps", "redirect"), 2),
    **dict.fromkeys(["server_args", "access_times", "log_type", "type", "flags"], LIST),
    **dict.fromkeys(["only_from", "no_access", "log_on_success", "log_on_failure", "env", "passenv", "enabled", "disabled"], SUM),
}
DEFAULTS = frozenset(
    [
        "groups",
        "umask",
        "instances",
        "per_source",
        "cps",
        "max_load",
        "only_from",
        "no_access",
        "log_type",
        "log_on_success",
        "log_on_failure",
        "bind",
        "interface",
        "passenv",
        "banner",
        "banner_success",
        "banner_fail",
        "enabled",
        "disabled",
        "deny_time",
        "v6only",
    ]
)
# xinetd ignores these in `defaults`; each only ever closes, so what the file means is served.
CLOSING_DEFAULTS = frozenset(
    ["access_times", "disable", "rlimit_as", "rlimit_data", "rlimit_rss", "rlimit_stack", "rlimit_cpu", "rlimit_files"]
)
_MOST_WORDS = 20
"""Words of one line that are named one by one."""
GONE = {"mdns": "mDNS announcing was removed from xinetd in 2.3.15.3"}
FLAGS = ("IDONLY", "KEEPALIVE", "NAMEINARGS", "NODELAY", "NOLIBWRAP", "SENSOR")
DROPPED_FLAGS = {
    "REUSE": "",
    "IPV4": "",
    "IPV6": "",
    "NORETRY": "superd tells a failed start and does not retry it",
    "INTERCEPT": "packets of a wait service are not checked one by one (xinetd's own refused or lost them); "
    "superd checks the sender of the datagram that starts the program",
}
FACILITIES = ["daemon", "auth", "authpriv", "user", "mail", "lpr", "news", "uucp", "ftp"] + [f"local{n}" for n in range(8)]
LEVELS = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]


@dataclass(slots=True)
class Section:
    """The lines of one section by attribute, in their order, and whether an error was found in it.

    ``torn``: its form is wrong, so lines of it may be lost. ``meant`` are attributes that a wrong line was meant to be.
    Neither is missing besides: one cause is one message. ``standing`` is said even where the entry is disabled.
    """

    lines: dict[str, list[Line]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False
    torn: bool = False
    meant: set[str] = field(default_factory=set)
    standing: list[Problem] = field(default_factory=list)

    def fail(self, line: Line, message: str, hint: str = "") -> None:
        self.problems.append(error(line.origin, message, hint))
        self.broken = True

    def warn(self, line: Line, message: str, hint: str = "") -> None:
        self.problems.append(warning(line.origin, message, hint))


def collect(lines: list[Line], section: Section, *, defaults: bool) -> Section:
    """Adds ``lines`` to ``section``: known attributes, right counts, operators that xinetd would follow."""
    for line in lines:
        name = "bind" if line.name == "interface" else line.name
        if name not in COUNTS:
            if name in GONE:
                section.problems.append(note(line.origin, f"`{name}` is ignored: {GONE[name]}"))
            else:
                hint = meant(name, COUNTS, " ".join(line.values))
                section.meant.update(re.findall(r"`(\w+)", hint))
                section.fail(
                    line, f"unknown attribute `{name[:80]}`; xinetd ignored it with a warning", hint or "remove the line"
                )
            continue
        if defaults and name in CLOSING_DEFAULTS:
            section.warn(line, f"`{name}` in defaults is applied; xinetd ignored it there")
        elif defaults and name not in DEFAULTS:
            section.warn(line, f"`{name}` in defaults is ignored, as xinetd did")
            continue
        elif not defaults and name in ("enabled", "disabled"):
            line = _switch(line, name, section)
            if not line.name:
                continue
            name = line.name
        fixed = _fixed_count(line, name, section)
        if fixed is not None:
            _add(fixed, section, defaults=defaults)
    return section


def _switch(line: Line, name: str, section: Section) -> Line:
    """`enabled` or `disabled` within a service, where xinetd ignored it and served: switched off if that is what it says."""
    word = line.values[0].lower() if len(line.values) == 1 else ""
    if word not in YES | NO:
        section.warn(line, f"`{name}` outside defaults is ignored, as xinetd did", "remove the line")
        return Line("", "=", (), line.origin)
    off = (word in YES) == (name == "disabled")
    answer = "yes" if off else "no"
    what = f"`{name} = {line.values[0]}` within a service is read as `disable = {answer}`; xinetd ignored it and served"
    section.standing.append(warning(line.origin, what, f"write `disable = {answer}`"))
    return Line("disable", "=", (answer,), line.origin)


def _fixed_count(line: Line, name: str, section: Section) -> Line | None:
    count, values = COUNTS[name], line.values
    comment = next((at for at, word in enumerate(values) if word.startswith("#")), None)
    if count > 0 and comment is not None and comment == count:
        section.warn(line, f"text after `{name}` is taken for a comment; xinetd ignored the whole line", "move the comment up")
        values = values[:count]
    if name == "cps" and len(values) == 1:
        section.warn(line, f"`cps = {values[0][:20]}` without a pause; xinetd ignored the line, superd pauses 10 s")
        values = (*values, "10")
    if count > 0 and len(values) != count:
        section.meant.add(name)
        section.fail(
            line, f"`{name}` has {len(values)} values; xinetd ignored the line and started", _right_count(name, values, count)
        )
        return None
    if name == "server_args" and any(sign in word for word in values for sign in "\"'"):
        quoted = next(word for word in values if '"' in word or "'" in word)
        section.warn(line, f"`{quoted[:40]}`: xinetd knows no quotes, so they are part of the argument, and blanks end it")
    if count in (LIST, SUM) and comment is not None and name in ("server_args", "env", "passenv"):
        section.warn(line, f"`{values[comment][:40]}` is a value of `{name}`, not a comment, as in xinetd")
    elif name in ("only_from", "log_on_success", "log_on_failure", "enabled") and comment is not None:
        section.warn(line, f"`{' '.join(values[comment:])[:80]}` is taken for a comment; to xinetd it was values")
        values = values[:comment]
    return Line(name, line.operator, values, line.origin)


def _right_count(name: str, values: tuple[str, ...], count: int) -> str:
    """The line, or the two, that it was probably meant to be."""
    if name == "redirect":
        host, colon, port = values[0].rpartition(":") if values else ("", "", "")
        host = host.strip("[]")
        return f"write `redirect = {host} {port}`" if colon and port and host else "write `redirect = host port`"
    if name == "server" and len(values) > 1:
        return f"write `server = {values[0][:200]}` and `server_args = {' '.join(values[1:])[:200]}`"
    if len(values) > count > 0:
        return f"write `{name} = {' '.join(values[:count])[:200]}`"
    return f"`{name}` takes {count}"


def _add(line: Line, section: Section, *, defaults: bool) -> None:
    held = section.lines.setdefault(line.name, [])
    count = COUNTS[line.name]
    if count == SUM:
        if line.operator == "=" and not defaults:
            held.clear()
        if line.operator == "-=" and line.name == "env":
            section.fail(line, "`env -=` is not possible", "leave the variable out")
        held.append(line)
        return
    if line.operator == "-=" or (line.operator == "+=" and held):
        section.fail(line, f"`{line.name} {line.operator}`: `{line.name}` takes `=` alone; xinetd ignored the line")
    elif held and line.name == "disable":
        held.append(line)  # any yes wins, as in xinetd
    elif held and defaults and line.name == "log_type":
        section.fail(line, "`log_type` stands twice in defaults; xinetd exited")
    elif held:
        section.warn(line, f"`{line.name}` stands twice; the first at line {held[0].origin.line} wins, as in xinetd")
    else:
        if line.operator == "+=":
            section.warn(line, f"`{line.name} +=` is read as `=`; xinetd ignored the line")
        held.append(line)


class AddressReader:
    """Reads the address words of one source. A line of ``defaults`` is read once, and not again for each heir."""

    def __init__(self, networks: Mapping[str, str]) -> None:
        self._networks = networks
        self._known: dict[tuple[Line, bool], tuple[list[Reading], list[Problem]]] = {}

    def read(self, lines: list[Line], section: Section) -> list[str] | None:
        """The words of only_from or no_access after all operators; ``None`` where the attribute never stood."""
        if not lines:
            return None
        found: dict[str, None] = {}
        for line in lines:
            removing = line.operator == "-="
            key = line, (line.name == "no_access") != removing
            if key not in self._known:
                self._known[key] = _readings(line, refusing=key[1], networks=self._networks)
            readings, problems = self._known[key]
            section.problems += problems
            section.broken |= any(problem.severity is Severity.ERROR for problem in problems)
            for reading in readings:
                for item in reading.words:
                    if removing:
                        found.pop(item, None)
                    else:
                        found[item] = None
        return list(found)


def _readings(line: Line, *, refusing: bool, networks: Mapping[str, str]) -> tuple[list[Reading], list[Problem]]:
    """What the words of one line are read as. The hint of each finding is the whole line, with every word as it should be."""
    problems: list[Problem] = []
    comment = next((at for at, word in enumerate(line.values) if word.startswith("#")), len(line.values))
    if comment < len(line.values):
        text = f"`{' '.join(line.values[comment:])[:80]}` is taken for a comment"
        problems.append(warning(line.origin, text, "move the comment up"))
    readings: list[Reading] = []
    right: list[str] = []
    said: list[tuple[bool, str]] = []
    for word in line.values[:comment]:
        try:
            reading = read_word(word, refusing=refusing, networks=networks)
        except BadAddress as bad:
            said.append((True, f"{line.name}: {bad}"))
            right += bad.instead.split()
            continue
        readings.append(reading)
        right += as_xinetd(reading.evident or reading.words) if reading.xinetd else [word]
        if reading.xinetd:
            taken = f"is read as `{' '.join(reading.words)}`" if reading.words else "never matches"
            sign = ", " if reading.xinetd.startswith("as ") else "; "
            said.append((False, f"{line.name}: `{word[:80]}` {taken}{sign}{reading.xinetd}"))
    text = f"{line.name} {line.operator} {' '.join(right)}"
    hint = f"write `{text}`" if right and len(text) < 1000 else "write a plain address or a.b.c.d/n"
    problems += [(error if wrong else warning)(line.origin, message, hint) for wrong, message in said[:_MOST_WORDS]]
    if len(said) > _MOST_WORDS:
        wrong = any(fatal for fatal, _ in said)
        rest = f"{line.name}: {len(said) - _MOST_WORDS} more words are read otherwise than they look"
        problems.append((error if wrong else warning)(line.origin, rest, hint))
    return readings, problems


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
    match = re.fullmatch(r"([0-9]{1,12})([KkMm]?)", word, re.ASCII)
    if word.upper() == "UNLIMITED" or word == "-1":
        return -1
    if match is None:
        section.fail(line, f"`{line.name} = {word[:40]}` is not a size like 64K or UNLIMITED")
        return None
    return int(match[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20}[match[2].upper()] or None


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
        sizes = [re.fullmatch(r"([0-9]{1,12})([KkMm]?)", word, re.ASCII) for word in rest[1:]]
        counts = [int(m[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20}[m[2].upper()] for m in sizes if m]
        if len(counts) == len(sizes) and counts == sorted(counts) and rest[0].startswith("/"):
            return " ".join(["FILE", *rest])
    section.fail(line, f"`log_type = {' '.join(line.values)[:80]}` is not `SYSLOG facility [level]` or `FILE path [soft [hard]]`")
    return ""
