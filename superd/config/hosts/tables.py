"""hosts.allow and hosts.deny: text → rules and problems (hosts_access(5), hosts_options(5), read as libwrap reads).

libwrap looks at a rule's options only when the rule matches; a broken option is kept with its rule here, so that the same
rule refuses (or not) as it would there. What libwrap swallows in silence is a warning with the corrected text.

Runs in: the reading child, the front, the operator's commands. Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from superd import syslog_priority
from superd.brackets import split_outside_brackets
from superd.config.hosts.advice import NO_RULE, escaped, meant_option, parts_of, without_colon
from superd.look_alikes import UTF_16
from superd.problem import Origin, Problem, did_you_mean, error, warning
from superd.rule import Option, Rule, Table
from superd.rule_block import not_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD = re.compile("[^ ,\t\r\n]+")
_CHOPPED = " \t\r\n\v\f"
"""What isspace(3) knows: taken off both ends of an option (misc.c, chop_string)."""
BLANKS = " \t\r\n"
"""What stands between an option and its value, a variable and its own (options.c, whitespace): no form feed."""
_NONE, _OPTIONAL, _REQUIRED = range(3)
_ARGUMENT = {
    "user": _REQUIRED,
    "group": _REQUIRED,
    "umask": _REQUIRED,
    "linger": _REQUIRED,
    "keepalive": _NONE,
    "spawn": _REQUIRED,
    "twist": _REQUIRED,
    "aclexec": _REQUIRED,
    "rfc931": _OPTIONAL,
    "setenv": _REQUIRED,
    "nice": _OPTIONAL,
    "severity": _REQUIRED,
    "allow": _NONE,
    "deny": _NONE,
    "banners": _REQUIRED,
}
_LAST = ("allow", "deny", "twist")
_LEAST = {"linger": 0, "rfc931": 1}
_INT_MAX = 2**31 - 1
"""What setsockopt(2) and nice(2) take; libwrap lets larger numbers wrap round."""

MOST_BYTES = 2047
"""What libwrap reads of one joined line, its newline included (misc.c, xgets)."""
_REST = {
    "allow": "libwrap ignores it and all after it, superd reads them",
    "deny": "libwrap refuses every client that gets here, superd reads it and goes on",
}
MOST_HINTS = 100
"""To find what a word was meant to be takes a millisecond, and the daemon reads 100,000 wrong lines too."""


def parse(
    data: bytes, file: str, table: Table, *, first_line: int = 1, said: int = 0
) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """Every rule of one table, in order, and what there is to say about the text.

    ``first_line`` is the number of the text's first line in its file, ``said`` how many problems were found before it.

    Errors are what keeps a table from being used at all: in hosts.deny a line that is not a rule (libwrap skips it and
    admits every client), a NUL, a byte order mark.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    # A line of hosts.allow that is not a rule grants nothing; one of hosts.deny refuses nothing, which fails open.
    broken = error if table == "deny" else warning
    text = data.decode("utf-8", "surrogateescape")
    before, place = "", Origin(file)
    for origin, line, ended in _lines(text, file, first_line):
        previous, before = before, line
        last, place = place, origin
        if not ended and (line.strip(" \t\r") or table == "deny"):
            problems.append(warning(origin, f"the last line has no newline: {_REST[table]}", "end the line"))
        if len(line) > MOST_BYTES // 4 and len(line.encode("utf-8", "surrogateescape")) > MOST_BYTES:
            message = f"the line is longer than {MOST_BYTES} bytes: {_REST[table]}"
            problems.append(warning(origin, message, "write several rules, or the name of a file with the patterns"))
        if line.startswith("#") or not line.strip(" \t\r\n"):
            continue
        if line.startswith("\ufeff"):
            # Not removed: the line would grant what libwrap does not grant. Not kept: its comments would be rules.
            problems.append(broken(origin, "byte order mark before a rule", "save the file without BOM"))
            continue
        if "\0" in line:
            if data.startswith(UTF_16):
                message = "the file is UTF-16: none of its lines is a rule"
                problems.append(broken(origin, message, "save the file as UTF-8 without BOM"))
                break
            problems.append(broken(origin, "line contains a NUL byte"))
            continue
        rule = _rule(line, origin, table)
        if rule is None:
            message, hint = without_colon(line, previous) if said + len(problems) < MOST_HINTS else (NO_RULE, "")
            if "follows the backslash" in message:
                # One cause, one message: what the line before seems to have wrong is only that it is half a rule.
                problems = [problem for problem in problems if problem.origin != last]
            problems.append(broken(origin, message, hint))
            continue
        for option in rule.options:
            if option.error:
                message, hint = (option.error, "") if said + len(problems) >= MOST_HINTS else _meant(rule, option, line)
                problems.append(warning(origin, f"{message}, so clients that match are refused", hint))
                if not hint and said + len(problems) < MOST_HINTS:
                    problems += (warning(origin, text) for text in _wrong_after(option, line) if text not in message)
        rules.append(rule)
    return tuple(rules), tuple(problems)


def _lines(text: str, file: str, first_line: int) -> Iterator[tuple[Origin, str, bool]]:
    """Joined lines with the number of their last physical line, as libwrap counts (misc.c, xgets)."""
    joined, number, newlines = "", 0, text.count("\n")
    for piece in text.split("\n"):
        number += 1
        origin = Origin(file, first_line + number - 1)
        if number > newlines:
            if piece or joined:
                yield origin, joined + piece, False
            return
        if piece.endswith("\\"):
            joined += piece[:-1]
            continue
        yield origin, joined + piece, True
        joined = ""


def words(text: str) -> tuple[str, ...]:
    """The tokens of a list: runs of blanks and commas separate."""
    return tuple(_WORD.findall(text))


def _rule(line: str, origin: Origin, table: Table) -> Rule | None:
    first = split_outside_brackets(line, ":")
    if first is None:
        return None
    second = split_outside_brackets(first[1], ":")
    clients, options = second if second is not None else (first[1], None)
    parsed = () if options is None else tuple(_options(options, origin))
    return Rule(table, words(first[0]), words(clients), parsed, origin)


def _fields(text: str) -> list[str]:
    fields, current, index = [], "", 0
    while index < len(text):
        if text[index] == "\\" and text[index + 1 : index + 2] == ":":
            current += ":"
            index += 2
        elif text[index] == ":":
            fields.append(current)
            current = ""
            index += 1
        else:
            current += text[index]
            index += 1
    return [*fields, current]


def _options(text: str, origin: Origin) -> Iterator[Option]:
    fields = _fields(text)
    for index, field in enumerate(fields):
        option = _option(field, origin, last=index == len(fields) - 1)
        yield replace(option, number=index) if index else option
        if option.error or option.name in _LAST:
            return


def _option(field: str, origin: Origin, *, last: bool) -> Option:
    stripped = field.strip(_CHOPPED)
    cut = next((index for index, character in enumerate(stripped) if character in "= \t\r\n"), len(stripped))
    name, value = stripped[:cut].lower(), stripped[cut:].lstrip(BLANKS)
    if value.startswith("="):
        value = value[1:].lstrip(BLANKS)
    if not stripped:
        return Option("", "", origin, "missing option name")
    wants = _ARGUMENT.get(name)
    if wants is None:
        return Option(name, value, origin, f'bad option name: "{name}"')
    if wants == _REQUIRED and not value:
        return Option(name, value, origin, f'option "{name}" requires value')
    if wants == _NONE and value:
        return Option(name, value, origin, f'option "{name}" requires no value')
    if name in _LAST and not last:
        return Option(name, value, origin, f'option "{name}" must be at end')
    return Option(name, value, origin, _value_error(name, value))


_LOOKED_AT = 20
"""Options after a wrong one that are looked at: a program that stands here by mistake has thousands."""


def _wrong_after(first: Option, line: str) -> Iterator[str]:
    """What is wrong with the options after the first wrong one, which libwrap does not come to.

    A word that is neither an option's name nor near one may be a piece of the one before.
    """
    fields = _fields(parts_of(line)[1])
    after = first.number + 1
    for index, field in enumerate(fields[after : after + _LOOKED_AT], after):
        one = _option(field, first.origin, last=index == len(fields) - 1)
        if one.error and (one.name in _ARGUMENT or (len(one.name) < 20 and did_you_mean(one.name, _ARGUMENT))):
            yield one.error


def _meant(rule: Rule, option: Option, line: str) -> tuple[str, str]:
    """What is wrong with a wrong option, and the whole rule as it was meant where that is clear."""
    lists, options = parts_of(line)
    message, fields = option.error, list[str]()
    fields_before = _fields(options)
    for index, field in enumerate(fields_before):
        one = _option(field, rule.origin, last=index == len(fields_before) - 1)
        if not one.error:
            fields.append(escaped(field))
            continue
        why, mended = meant_option(one, field, fields)
        message = why if one.name == option.name and why else message
        if mended is None:
            return message, ""
        fields = mended
    # Each verdict that stood before its place goes to the end.
    fields.sort(key=lambda field: field.strip().lower() in _LAST)
    meant = " : ".join([*lists, *(field.strip() for field in fields)])
    again = _rule(meant, rule.origin, rule.table)
    return message, f"write `{meant}`" if again is not None and not any(item.error for item in again.options) else ""


FACILITIES = frozenset((*syslog_priority.FACILITIES, *syslog_priority.OTHER_FACILITIES))
LEVELS = frozenset((*syslog_priority.LEVELS, *syslog_priority.OTHER_LEVELS))


def _value_error(name: str, value: str) -> str:
    match name:
        case "severity":
            facility, _, level = value.lower().rpartition(".")
            if ("." in value and facility not in FACILITIES) or level not in LEVELS:
                return f'bad syslog facility or severity: "{value}"'
        case "umask":
            if not re.fullmatch(r"[\v\f]*\+?[0-7]{1,12}", value) or int(value, 8) > 0o777:
                return f'bad umask value: "{value}"'
        case "linger" | "rfc931":
            if value and not (re.fullmatch(r"[\v\f]*\+?[0-9]{1,19}", value) and _LEAST[name] <= int(value) <= _INT_MAX):
                return f'bad {name} value: "{value}"'
        case "nice":
            if value and not (re.fullmatch(r"[\v\f]*[+-]?[0-9]{1,19}", value) and abs(int(value)) < _INT_MAX):
                return f'bad nice value: "{value}"'
        case "setenv":
            if "=" in re.split("[ \t\r\n]", value, maxsplit=1)[0]:
                return f'bad setenv value: "{value}"'
        case "user":
            user, dot, group = value.partition(".")
            if not user or (dot and not group):
                return f'unknown user or group: "{value}"'
    return ""


def file_patterns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The paths of the `/file` patterns for clients and for our own end (``daemon@/file``), each once, in order."""
    found: dict[str, None] = {}
    for rule in not_plain(rules):
        for token in (*rule.daemons, *rule.clients):
            host = token[1:].partition("@")[2] if "@" in token[1:] else token
            if host.startswith("/"):
                found[host] = None
    return tuple(found)
