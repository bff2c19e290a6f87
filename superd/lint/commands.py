"""Commands of spawn, twist and aclexec that cannot run as they stand, or print what they should have run. Runs nothing.

Runs in: the operator's commands. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from superd.lint.clients import Finding
    from superd.rule import Option

COMMANDS = frozenset({"spawn", "twist", "aclexec"})
_PLACES = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")
"""Where a command without a path is looked for: superd's PATH for the rules' commands has no other."""
_OF_SHELL = frozenset(
    (  # noqa: SIM905 - forty quoted words are forty lines
        "alias bg break case cd command continue echo eval exec exit export false fc fg for getopts hash if jobs kill local "
        "printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset until wait while"
    ).split()
)
_FIRST_WORD = re.compile(r"[ \t(]*([A-Za-z][\w.+-]*)(?=[\s;|&()<>]|$)")
_LETTER = re.compile("%(.)", re.DOTALL)
LETTERS = frozenset("aAcdhHnNprRsu%")
_QUOTED = re.compile(r"""(?<!-c )(['"])((?:/[\w./+-]+|[A-Za-z][\w.+-]*)(?: [+-][^'"]*)?)\1""")
"""One word, or a word with its options: a sentence in quotes is a sentence. What follows ``sh -c`` is meant."""
_STARTS = re.compile(r"(?:^|[(|;&`])\s*(/[^\s;|&()<>`'\"$%]*)(?=[\s;|&()<>`]|$)")
"""A path where the shell expects a command; one that holds an expansion is nobody's to know."""


def letter_findings(option: Option) -> Iterator[Finding]:
    """Each letter after a `%` that has no meaning."""
    for letter in dict.fromkeys(_LETTER.findall(option.value)):
        if letter not in LETTERS:
            yield f"{option.name}: unrecognized `%{letter}`, which stands for nothing", f"%{letter}", f"%%{letter}"


def command_findings(option: Option, program: Callable[[str], str], *, own_path: bool = False) -> Iterator[Finding]:
    """What is wrong with one command. ``program`` says what is wrong with a path, or nothing.

    ``own_path``: the rule sets a PATH, so the place of a command without a path is unknown.
    """
    # Not the words inside quotes: they are another program's commands, or none.
    outside = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "_" * len(quoted[0]), option.value)
    for found in _STARTS.finditer(outside):
        path = found[1]
        wrong = program(path)
        if wrong:
            echo = f"{path}echo" if path.endswith("/") and not program(f"{path}echo") else ""
            yield f"{option.name}: `{path}` {wrong}", f"{path} " if echo else path, f"{echo} " if echo else ""
    first = _FIRST_WORD.match(outside)
    if first is not None and not own_path and first[1] not in _OF_SHELL and all(program(place + first[1]) for place in _PLACES):
        yield f"{option.name}: there is no command `{first[1]}`", first[1], ""
    for quoted in _QUOTED.finditer(option.value):
        command = quoted[2].split()[0]
        if any(not program(path) for path in ([command] if command[0] == "/" else [place + command for place in _PLACES])):
            yield (
                f"{option.name}: {quoted[0]} is the text itself; the output of a command stands in backquotes",
                quoted[0],
                f"`{quoted[2]}`",
            )
