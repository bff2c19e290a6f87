"""Whether argv[0] was left out of an entry, so that the first argument took its place. Pure; any process.

inetd.conf names argv[0] after the program, which no other file does. Without it `/usr/bin/python3 /srv/x.py` starts an
interpreter that runs what the client sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from superd.problem import Origin, Problem, note, warning

_INTERPRETER = re.compile(
    r"(?:python|perl|ruby|php|lua|node|nodejs|tclsh|wish|expect|bash|dash|ash|ksh|zsh|sh|env|awk|gawk|mawk|sed|nc|ncat|socat"
    r"|java|mono|guile|gdb|su|sudo|runuser|setpriv|nice|timeout|stdbuf|xargs|chroot)[\d.]*"
)
_SHELL = re.compile(r"(?:python|perl|ruby|php|lua|node|nodejs|tclsh|bash|dash|ash|ksh|zsh|sh)[\d.]*")
_PROGRAM = re.compile(r"(?:/[^/]+)*/(?:s?bin|libexec|lib\d*|games)/")
_SCRIPT = re.compile(r".*\.(?:py|pl|rb|sh|php|lua|js|tcl|awk|sed|jar|exp|conf|cfg|ini|txt)")


def argv0_problem(server: str, args: Sequence[str], origin: Origin, meant: str) -> Problem | None:
    """A warning where an interpreter lost its first argument, or has none, a note where another program lost it.

    ``meant`` is the line as it was probably meant.
    """
    message = _message(server, args)
    if not message:
        return None
    if "gets no argument: " in message:
        return warning(origin, message, "name the script after it")
    dangerous = message.endswith("sends")
    return (warning if dangerous else note)(origin, message, f"write `{meant[:400]}`")


def _message(server: str, args: Sequence[str]) -> str:
    program = server.rpartition("/")[2]
    if len(args) < 2 and _SHELL.fullmatch(program) and (not args or args[0].rpartition("/")[2] == program):
        return f"`{program}` gets no argument: it runs what the client sends"
    if not args:
        return ""
    first = args[0]
    base = first.rpartition("/")[2]
    if first == server or base == program or first.lstrip("-") == program:
        return ""
    interpreter = _INTERPRETER.fullmatch(program) is not None
    option = first.startswith("-")
    if not (option or "=" in first or "/" in first or _SCRIPT.fullmatch(first)):
        return ""
    if _PROGRAM.match(first) and not interpreter and "=" not in first and not _SCRIPT.fullmatch(first):
        return ""  # another name for the program, with its folder
    what = f"`{first[:80]}` is argv[0] of `{server[:80]}` and no argument"
    if interpreter:
        return (
            f"{what}: `{program}` gets {'no argument' if len(args) == 1 else 'only what follows'} and reads what the client sends"
        )
    return f"{what}: the program is called by it and does not see it"
