"""What a wrong line of hosts.allow or hosts.deny was meant to be, as a whole line that can be written instead.

Runs in: every process that reads the tables. Changes no rule; where it cannot tell what was meant it says nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from superd import syslog_priority
from superd.look_alikes import look_alike
from superd.problem import did_you_mean

if TYPE_CHECKING:
    from superd.rule import Option

OPTIONS = (
    "user",
    "group",
    "umask",
    "linger",
    "keepalive",
    "spawn",
    "twist",
    "aclexec",
    "rfc931",
    "setenv",
    "nice",
    "severity",
    "allow",
    "deny",
    "banners",
)
NO_RULE = "a line without a colon is not a rule"
_COMMANDS = frozenset(("spawn", "twist", "aclexec", "setenv"))
_FALSE_END = re.compile(r"\\[ \t\r]+(?:#.*)?$")
"""A backslash that was to join the next line, and does not stand at the end of its own."""
_CLIENT = re.compile(r"[0-9]+\.[0-9.]*(?:/[0-9.]+)?|\[[0-9A-Fa-f:.]+\](?:/[0-9]+)?|[.@][\w.-]+|[\w-]+(?:\.[\w-]+)+", re.ASCII)
_DAEMON = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_MOST_WORDS = 8
_OTHER_COLON = re.compile(r"\s*(?:[=-]>|[=;|])\s*")
"""What other languages have for the colon between daemons and clients."""
_SEVERITIES = sorted(
    f"{prefix}{level}"
    for prefix in ("", *(f"{facility}." for facility in (*syslog_priority.FACILITIES, *syslog_priority.OTHER_FACILITIES)))
    for level in (*syslog_priority.LEVELS, *syslog_priority.OTHER_LEVELS)
)


def without_colon(line: str, before: str) -> tuple[str, str]:
    """What is wrong with a line that has no colon, and what to write; ``before`` is the line before it."""
    shown = line.strip()[:80]
    alike = look_alike(line)
    if alike is not None and ":" in alike[1]:
        return f"`{shown}` has no colon, so it is not a rule: {alike[0]}", f"write `{alike[1].strip()}`"
    false_end = _FALSE_END.search(before)
    if false_end is not None:
        joined = f"{before[: false_end.start()].rstrip()} {line.strip()}"
        lists, options = parts_of(joined)
        if options.lstrip()[:1] in ("(", "/"):
            joined = " : ".join([*lists, f"spawn {options.strip()}"])
        what = "a comment" if "#" in false_end[0] else "a blank"
        return f"`{shown}` is not joined to the line before it: {what} follows the backslash there", f"write `{joined}`"
    return f'no ":" in `{shown}`, so it is not a rule', _with_colon(line)


def _with_colon(line: str) -> str:
    words = _OTHER_COLON.sub(" ", line, count=1).replace(",", " ").split()
    first = next((index for index, word in enumerate(words) if _is_client(word)), len(words))
    if len(words) > _MOST_WORDS or not all(_is_client(word) or _DAEMON.fullmatch(word) for word in words):
        return f"write `# {line.strip()}` if it is a comment" if len(words) > 2 else ""
    if len(words) == 1 and words[0].lower() != "all" and first:
        return f"write `{words[0]} : ALL` if it is a daemon"
    if first == len(words) > 2:
        return f"write `# {line.strip()}` if it is a comment"
    daemons, clients = words[:first] or ["ALL"], words[first:] or ["ALL"]
    if first == len(words) == 2:
        daemons, clients = words[:1], words[1:]
    return f"write `{' '.join(daemons)} : {' '.join(clients)}`"


def _is_client(word: str) -> bool:
    return _CLIENT.fullmatch(word) is not None


def parts_of(line: str) -> tuple[list[str], str]:
    """The two lists of a rule, without the blanks around them, and the text of its options."""
    lists: list[str] = []
    rest = line
    while len(lists) < 2:
        end, depth = -1, 0
        for index, character in enumerate(rest):
            depth += (character == "[") - (character == "]")
            if character == ":" and depth == 0:
                end = index
                break
        if end < 0:
            return [*lists, rest.strip()], ""
        lists.append(rest[:end].strip())
        rest = rest[end + 1 :]
    return lists, rest


def escaped(value: str) -> str:
    """The value of an option as a file has it: a colon would begin the next option."""
    return value.replace(":", "\\:")


def meant_option(option: Option, field: str, before: list[str]) -> tuple[str, list[str] | None]:
    """What is wrong with a wrong option where its own error does not say it, and the options so far as they were meant.

    ``before`` are the options before it as a file has them; None: what was meant is unknown.
    """
    name, value = option.name, option.value
    alike = look_alike(field)
    last = (before[-1].split(None, 1) or [""])[0].lower() if before else ""
    if not name:
        return "a colon with no option after it", before
    if alike is not None and (alike[1].split(None, 1) or [""])[0].lower() in OPTIONS:
        return alike[0], [*before, escaped(alike[1])]
    if name not in OPTIONS:
        if name.startswith("//"):
            return "", None  # a URL: the colon before it is the fault
        if last in _COMMANDS:
            why = f"the colon before `{field.strip()[:40]}` ends the command, and `{name[:40]}` is not an option"
            return why, [*before[:-1], f"{before[-1]}\\:{escaped(field)}"]
        if "/" in name:
            # Rules from before there were options had the command alone.
            return "", [*before, f"spawn {escaped(field.strip())}"]
        near = did_you_mean(name, OPTIONS)
        return "", [*before, escaped(f"{near.split('`')[1]} {value}".strip())] if near else None
    if option.error.endswith("requires no value"):
        return "", [*before, name]
    if option.error.endswith("must be at end"):
        return "", [*before, name]
    if name == "setenv" and "=" in value:
        return "", [*before, escaped(f"setenv {value.replace('=', ' ', 1)}")]
    if name == "severity":
        near = did_you_mean(value.lower(), _SEVERITIES)
        return "", [*before, f"severity {near.split('`')[1]}"] if near else None
    return "", None
