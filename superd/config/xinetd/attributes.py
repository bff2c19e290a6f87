"""Which attributes xinetd has, where they may stand and how many values each takes. Checks a section's lines; reads no value.

Source: xinetd 2.3.15.3 parse.c (the two tables) and parsers.c; xinetd.conf(5).

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from superd.config.synonyms import meant
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.config.xinetd.values import NO, YES
from superd.problem import note, warning

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
GONE = {"mdns": "mDNS announcing was removed from xinetd in 2.3.15.3"}
FLAGS = ("IDONLY", "KEEPALIVE", "NAMEINARGS", "NODELAY", "NOLIBWRAP", "SENSOR")
DROPPED_FLAGS = {
    "REUSE": "",
    "IPV4": "",
    "IPV6": "",
    "NORETRY": "superd tells a failed start and does not retry it",
    "INTERCEPT": "datagrams of a wait service are not checked one by one (xinetd's own refused or lost them); "
    "superd checks the sender of the datagram that starts the program",
}


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
        held.append(line)
        word, first = (each.values[0].lower() if each.values else "" for each in (line, held[0]))
        if word == "yes" != first:
            text = f"`disable` stands twice; it is off, and xinetd took the first, at line {held[0].origin.line}, and served it"
            section.standing.append(warning(line.origin, text, "remove one of the two lines"))
        else:
            section.warn(line, f"`disable` stands twice; the first at line {held[0].origin.line} wins, as in xinetd")
    elif held and defaults and line.name == "log_type":
        section.fail(line, "`log_type` stands twice in defaults; xinetd exited")
    elif held:
        section.warn(line, f"`{line.name}` stands twice; the first at line {held[0].origin.line} wins, as in xinetd")
    else:
        if line.operator == "+=":
            section.warn(line, f"`{line.name} +=` is read as `=`; xinetd ignored the line")
        held.append(line)
