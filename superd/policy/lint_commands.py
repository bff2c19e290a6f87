"""Commands of spawn, twist and aclexec that cannot run as they stand, or print what they should have run. Runs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from superd.policy.lint_clients import Finding
    from superd.rule import Option

COMMANDS = frozenset({"spawn", "twist", "aclexec"})
_PLACES = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/")
_QUOTED = re.compile(r"""(?<!-c )(['"])((?:/[\w./+-]+|[A-Za-z][\w.+-]*)(?: [+-][^'"]*)?)\1""")
"""One word, or a word with its options: a sentence in quotes is a sentence. What follows ``sh -c`` is meant."""
_STARTS = re.compile(r"(?:^|[(|;&`])\s*(/[^\s;|&()<>`'\"$%]*)(?=[\s;|&()<>`]|$)")
"""A path where the shell expects a command; one that holds an expansion is nobody's to know."""


def command_findings(option: Option, program: Callable[[str], str]) -> Iterator[Finding]:
    """What is wrong with one command. ``program`` says what is wrong with a path, or nothing."""
    # Not the words inside quotes: they are somebody else's commands, or none.
    outside = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "_" * len(quoted[0]), option.value)
    for found in _STARTS.finditer(outside):
        path = found[1]
        wrong = program(path)
        if wrong:
            echo = f"{path}echo" if path.endswith("/") and not program(f"{path}echo") else ""
            yield f"{option.name}: `{path}` {wrong}", f"{path} " if echo else path, f"{echo} " if echo else ""
    for quoted in _QUOTED.finditer(option.value):
        command = quoted[2].split()[0]
        if any(not program(path) for path in ([command] if command[0] == "/" else [place + command for place in _PLACES])):
            yield (
                f"{option.name}: {quoted[0]} is the text itself; the output of a command stands in backquotes",
                quoted[0],
                f"`{quoted[2]}`",
            )
