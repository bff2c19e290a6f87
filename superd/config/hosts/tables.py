"""hosts.allow and hosts.deny: text → rules and problems (hosts_access(5), hosts_options(5), read as libwrap reads).

libwrap looks at a rule's options only when the rule matches; a broken option is kept with its rule here, so that the same
rule refuses (or not) as it would there. What libwrap swallows in silence is a warning with the corrected text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from superd import syslog_priority
from superd.problem import Origin, Problem, did_you_mean, error, warning
from superd.rule import Option, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
OPTIONS = tuple(_ARGUMENT)
MOST_HINTS = 100
"""To find what a word was meant to be takes a millisecond, and the daemon reads 100,000 wrong lines too."""


def parse(data: bytes, file: str, table: Table) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """Every rule of one table, in order, and what there is to say about the text.

    Errors are what keeps a table from being used at all: in hosts.deny a line that is no rule (libwrap skips it and
    lets everybody in), a NUL, a byte order mark.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    # A line of hosts.allow that is no rule grants nothing; one of hosts.deny refuses nothing, which fails open.
    broken = error if table == "deny" else warning
    text = data.decode("utf-8", "surrogateescape")
    for origin, line, ended in _lines(text, file):
        if not ended and line.strip(" \t\r"):
            problems.append(warning(origin, "last line has no newline: libwrap ignores it", "end the line"))
        if line.startswith("#") or not line.strip(" \t\r\n"):
            continue
        if line.startswith("\ufeff"):
            # Not taken off: the line would grant what it grants nobody under libwrap. Nor kept: its comments would be rules.
            problems.append(broken(origin, "byte order mark before a rule", "save the file without BOM"))
            continue
        if "\0" in line:
            problems.append(broken(origin, "line holds a NUL byte"))
            continue
        rule = _rule(line, origin, table)
        if rule is None:
            problems.append(broken(origin, f'no ":" in `{line.strip()[:80]}`, so it is no rule', "daemons : clients"))
            continue
        for option in rule.options:
            if option.error:
                hint = _meant(option) if len(problems) < MOST_HINTS else ""
                problems.append(warning(origin, f"{option.error}, so whoever matches is refused", hint))
        rules.append(rule)
    return tuple(rules), tuple(problems)


def _lines(text: str, file: str) -> Iterator[tuple[Origin, str, bool]]:
    """Joined lines with the number of their last physical line, as libwrap counts (misc.c, xgets)."""
    joined, number, newlines = "", 0, text.count("\n")
    for piece in text.split("\n"):
        number += 1
        if number > newlines:
            if piece or joined:
                yield Origin(file, number), joined + piece, False
            return
        if piece.endswith("\\"):
            joined += piece[:-1]
            continue
        yield Origin(file, number), joined + piece, True
        joined = ""


def split_at(text: str, mark: str) -> tuple[str, str] | None:
    """Around the first ``mark`` outside brackets, counted as libwrap counts them (misc.c, split_at)."""
    if "[" not in text and "]" not in text:  # as nearly all rules: a long list is read in half the time
        before, found, after = text.partition(mark)
        return (before, after) if found else None
    depth = 0
    for index, character in enumerate(text):
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == mark and depth == 0:
            return text[:index], text[index + 1 :]
    return None


def words(text: str) -> tuple[str, ...]:
    """The tokens of a list: runs of blanks and commas separate."""
    return tuple(_WORD.findall(text))


def _rule(line: str, origin: Origin, table: Table) -> Rule | None:
    first = split_at(line, ":")
    if first is None:
        return None
    second = split_at(first[1], ":")
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


def _meant(option: Option) -> str:
    """A hint at what a wrong option was meant to be, where that can be told."""
    if not option.name:
        return "remove the colon before it"
    if option.name not in _ARGUMENT:
        # The rules of before there were options had the command alone.
        return f"write `spawn {option.name} {option.value}`" if "/" in option.name else did_you_mean(option.name, OPTIONS)
    if option.name == "setenv" and option.value:
        return f"write `setenv {option.value.replace('=', ' ', 1)}`"
    if option.name == "severity":
        return did_you_mean(option.value.lower(), _SEVERITIES)
    return ""


FACILITIES = frozenset((*syslog_priority.FACILITIES, *syslog_priority.OTHER_FACILITIES))
LEVELS = frozenset((*syslog_priority.LEVELS, *syslog_priority.OTHER_LEVELS))
_SEVERITIES = sorted((*LEVELS, *(f"{facility}.{level}" for facility in FACILITIES for level in LEVELS)))


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


def file_patterns(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The paths of the `/file` patterns for clients and for our own end (``daemon@/file``), each once, in order."""
    found: dict[str, None] = {}
    for rule in rules:
        for token in (*rule.daemons, *rule.clients):
            host = token[1:].partition("@")[2] if "@" in token[1:] else token
            if host.startswith("/"):
                found[host] = None
    return tuple(found)
