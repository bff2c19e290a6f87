"""``superd new``: the first file of a service, from options or from a short dialogue, and what to try next.

Runs in: the operator's commands.
Never: writes over a file without ``--force``, or writes one that ``superd check`` refuses.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field

from superd.cli.json_schema import schema_line
from superd.cli.key_facts import TABLE_OF, keys_of
from superd.cli.problem_text import print_problems
from superd.config.toml.values import item
from superd.errors import ConfigError
from superd.exit_status import EX_CANTCREAT, EX_CONFIG, EX_USAGE
from superd.limits import Limits
from superd.load.sources import OPERATORS_OWN, Sources
from superd.problem import Problem
from superd.safe_text import safe
from superd.service import INTERNAL_PORTS, Service
from superd.system.credentials import is_root

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
SUGGESTED = ("instances", "per_source", "access_times", "no_access", "banner_fail", "limits.idle", "limits.session")
"""Keys that stand in the file as comments, for the reader to switch on."""
LOOPBACK = ("127.0.0.1", "[::1]")


class Unusable(Exception):
    """Answers or options that make no service; each text says why."""


@dataclass(slots=True)
class Wanted:
    """What a person wants: one of ``run``, ``redirect`` and ``builtin``, where, and for which clients."""

    name: str = ""
    run: str = ""
    redirect: str = ""
    builtin: str = ""
    port: str = ""
    user: str = ""
    only_from: list[str] = field(default_factory=list)
    everybody: bool = False


def new(wanted: Wanted, folder: str | None, *, force: bool, dry_run: bool) -> int:
    """Write (or print) the file. Returns 0, 64 for options that make no service, 73 for a file that exists, 78 for errors."""
    try:
        if not (wanted.run or wanted.redirect or wanted.builtin):
            if not sys.stdin.isatty():
                raise Unusable("say what clients reach: --run 'PROGRAM ARGUMENTS', --redirect HOST:PORT or --builtin NAME")
            ask(wanted)
        text = text_of(wanted)
    except Unusable as problem:
        sys.stderr.writelines(f"superd: error: {text}\n" for text in problem.args)
        return EX_USAGE
    except (EOFError, KeyboardInterrupt):
        sys.stderr.write("\nsuperd: nothing was written\n")
        return EX_USAGE
    if problems := faults(wanted.name, text):
        print_problems(problems)
        sys.stderr.write("superd: nothing was written\n")
        return EX_CONFIG
    if dry_run:
        sys.stdout.write(text)
        return 0
    place = folder or (OPERATORS_OWN if is_root() else "services.d")
    path = os.path.join(place, f"{wanted.name}.toml")
    try:
        os.makedirs(place, mode=0o755, exist_ok=True)
        _write(path, text, force=force)
    except FileExistsError:
        sys.stderr.write(f"{path}: error: the file exists already; nothing was written\n  hint: `--force` writes over it\n")
        return EX_CANTCREAT
    except OSError as problem:
        sys.stderr.write(f"{path}: error: {problem.strerror}\n")
        return EX_CANTCREAT
    lines = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    sys.stdout.write(f"wrote {path} ({lines} lines, the rest is comments); superd check: no errors\n")
    sys.stdout.write(f"try: {_to_try(wanted, place)}\n")
    return 0


def ask(wanted: Wanted) -> None:
    """Fill in what is missing by questions on the terminal. Raises ``Unusable``, ``EOFError``."""
    kind = _choice("What should clients reach?", ("a program", "another host and port", "an internal service"))
    if kind == 0:
        wanted.run = _question("Program and arguments")
    elif kind == 1:
        wanted.redirect = _question("Host and port, as 10.0.0.5:80")
    else:
        wanted.builtin = _question(f"Which one ({', '.join(INTERNAL_PORTS)})")
    wanted.port = wanted.port or _question("On which port")
    if not wanted.only_from and not wanted.everybody:
        who = _choice("Who may connect?", ("this host only", "a network", "every client"))
        if who == 1:
            wanted.only_from = _question("Which network, as 192.0.2.0/24").replace(",", " ").split()
        wanted.everybody = who == 2


def _choice(question: str, answers: tuple[str, ...]) -> int:
    sys.stdout.write(f"{question}\n" + "".join(f"  {number} {answer}\n" for number, answer in enumerate(answers, 1)))
    while True:
        answer = input("Number [1]: ").strip() or "1"
        if answer in map(str, range(1, len(answers) + 1)):
            return int(answer) - 1
        sys.stdout.write(f"Type a number from 1 to {len(answers)}.\n")


def _question(question: str) -> str:
    while not (answer := input(f"{question}: ").strip()):
        pass
    return answer


def text_of(wanted: Wanted) -> str:
    """Return the file, with the meaning of each key above it. Gives ``wanted`` a name where it has none. Raises ``Unusable``."""
    wrong: list[str] = []
    values = _values(wanted, wrong)
    if not NAME.fullmatch(wanted.name) and (wanted.name or not wrong):
        wrong.append(
            f"`{safe(wanted.name, 80)}` cannot be the name of a service: write letters, digits, and . _ + - between them"
        )
    if wrong:
        raise Unusable(*wrong)
    keys = {key.path: key for key in keys_of(TABLE_OF[Service]) + keys_of(TABLE_OF[Limits])}
    lines = [
        schema_line("service"),
        f"# {wanted.name}: `superd help KEY` explains a key, `man superd-services` all of them.",
    ]
    for name, value in values.items():
        lines += ["", *_comment(keys[name].sentence), f"{name} = {item(value).as_string()}"]
    lines += ["", "# More that a service often needs. Remove the first `#` of a line to switch it on."]
    for name in SUGGESTED:
        lines += ["", *_comment(keys[name].sentence), f"#{name} = {keys[name].example}"]
    return "\n".join(lines) + "\n"


def _comment(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _values(wanted: Wanted, wrong: list[str]) -> dict[str, object]:
    """The keys of the file, in the order of a reader's questions: what, where, who, as which user. Adds to ``wrong``."""
    if sum(map(bool, (wanted.run, wanted.redirect, wanted.builtin))) > 1:
        wrong.append("--run, --redirect and --builtin exclude each other")
    values: dict[str, object] = {}
    if wanted.run:
        try:
            values |= _program(wanted.run)
        except Unusable as problem:
            wrong.extend(problem.args)
    if "server" in values:
        wanted.name = wanted.name or str(values["server"]).rpartition("/")[2].partition(".")[0]
    elif wanted.redirect:
        values["redirect"] = wanted.redirect
        wanted.name = wanted.name or "relay"
    elif wanted.builtin:
        if wanted.builtin not in INTERNAL_PORTS:
            wrong.append(f"`{safe(wanted.builtin, 40)}` is not an internal service: {', '.join(INTERNAL_PORTS)}")
        values |= {"type": "INTERNAL", "service": wanted.builtin}
        wanted.name = wanted.name or wanted.builtin
    port = wanted.port or str(INTERNAL_PORTS.get(wanted.builtin, ""))
    if not port:
        wrong.append("say on which port: --port NUMBER")
    elif not port.isdecimal() or not port.isascii() or not 1 <= int(port[:9]) <= 65535:
        wrong.append(f"`{safe(port, 40)}` is not a port: write a number from 1 to 65535")
    if wrong:
        return values
    if wanted.only_from or wanted.everybody:
        values["port"] = int(port)
    else:
        values["listen"] = [
            f"{host}:{int(port)}" for host in LOOPBACK if host == LOOPBACK[0] or os.path.exists("/proc/net/if_inet6")
        ]
    if wanted.only_from:
        values["only_from"] = wanted.only_from
    if wanted.run:
        values["user"] = wanted.user or ("nobody" if is_root() else pwd.getpwuid(os.geteuid()).pw_name)
    return values


def _program(command: str) -> dict[str, object]:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise Unusable(f"`{safe(command, 80)}`: {problem}") from None
    if not words:
        raise Unusable("--run needs a program")
    found = words[0] if words[0].startswith("/") else shutil.which(words[0])
    if found is None:
        raise Unusable(f"`{safe(words[0], 80)}` is not a program of $PATH: write its whole path")
    return {"server": os.path.abspath(found)} | ({"server_args": words[1:]} if words[1:] else {})


def faults(name: str, text: str) -> tuple[Problem, ...]:
    """Return what `superd check` would say of the file, read by itself: the errors, or nothing where there is none."""
    from superd.load.registry import load

    with tempfile.TemporaryDirectory(prefix="superd-new-") as folder:
        path = os.path.join(folder, f"{name}.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            load(Sources(single=path))
        except ConfigError as refused:
            return refused.problems
    return ()


def _write(path: str, text: str, *, force: bool) -> None:
    """A new file and a rename: never through a link, never half a file. Raises ``OSError``."""
    if os.path.lexists(path) and not force:
        raise FileExistsError(path)
    partial = f"{path}.{os.getpid()}~"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, path)


def _to_try(wanted: Wanted, folder: str) -> str:
    port = wanted.port or str(INTERNAL_PORTS.get(wanted.builtin, ""))
    here = not wanted.only_from or any(client.startswith(("127.", "ALL")) for client in wanted.only_from)
    client = f"nc 127.0.0.1 {port}" if here else f"on a host of {wanted.only_from[0]}: nc THIS-HOST {port}"
    if folder == OPERATORS_OWN:
        return f"systemctl reload superd, then{':' if here else ''} {client}"
    return f"superd run --services {shlex.quote(folder)}, then{' in another terminal:' if here else ''} {client}"
