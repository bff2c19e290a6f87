"""``superd serve``: one service without a file, with every key of a service file as an option.

What: options → the text of a service file → what ``superd run`` does with a file.
Runs in: the operator's command, which becomes the master.
Never: writes a file.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass, field
from typing import Any

from superd.cli.key_facts import TABLES, Key, keys_of
from superd.config.toml.values import as_toml
from superd.errors import ConfigError
from superd.exit_status import EX_USAGE
from superd.load.sources import Sources
from superd.problem import Severity
from superd.safe_text import safe

ORIGIN = "(the command line)"
"""The folder of the file that is none, in messages."""
_WIDTH, _COLUMN = 80, 30
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_TABLES_ALONE = frozenset({"limits", "limits.service", "limits.penalties", "limits.source"})
_MISSING = ("is missing", "nothing to listen on", "nothing to run")
_TRUTH, _TRUTHS = "`true` or `false`", {"true": True, "false": False}


class WrongOption(ValueError):
    """An option that makes no service: what is wrong, and what to type."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(slots=True)
class Typed:
    """What was typed: the service's name, its keys by path, and the options that are superd's own."""

    name: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    wrong: list[WrongOption] = field(default_factory=list)


OWN = {
    "--name": ("NAME", "the service's id in the log, the name of its program without it"),
    "--config": ("FILE", "superd.toml, for settings of superd itself"),
    "--hosts-allow": ("FILE", "hosts.allow; without it no table decides"),
    "--hosts-deny": ("FILE", "hosts.deny"),
}


def options() -> dict[str, Key]:
    """Return every option by its words: `--per-source`, `--limits-idle`, and `--idle` where no other key has that name."""
    service_keys = [key for table in TABLES if table.file != "superd.toml" for key in keys_of(table)]
    service_keys = [key for key in service_keys if key.path not in _TABLES_ALONE]
    found = {_option(key.path): key for key in service_keys}
    for key in service_keys:
        if key.table.prefix == "limits.":
            found.setdefault(_option(key.name), key)
    return found


def _option(path: str) -> str:
    return "--" + path.replace(".", "-").replace("_", "-")


def parse(words: list[str]) -> Typed:
    """Read the words after `superd serve`, and note each that is wrong."""
    known, typed = options(), Typed()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--" or not word.startswith("-"):
            program = rest if word == "--" else [word, *rest]
            if program:
                typed.keys["server"], typed.keys["server_args"] = _absolute(program[0]), program[1:]
            break
        option, equals, value = word.partition("=")
        key = known.get(option)
        if key is None and option not in OWN:
            near = difflib.get_close_matches(option, (*known, *OWN), 1)
            hint = f"did you mean `{near[0]}`?" if near else "superd serve --help lists all of them"
            typed.wrong.append(WrongOption(f"`{safe(option, 80)}` is not an option", hint))
            if not equals and _is_value(rest):
                del rest[0]
            continue
        if not equals:
            if key is not None and key.type == _TRUTH:
                value = "true"
            elif not rest or rest[0] == "--":
                typed.wrong.append(WrongOption(f"`{option}` needs a value"))
                continue
            else:
                value = rest.pop(0)
        if key is None:
            typed.own[option] = value
            continue
        try:
            _add(typed.keys, key, value)
        except WrongOption as problem:
            typed.wrong.append(problem)
    typed.name = typed.own.get("--name") or os.path.basename(typed.keys.get("server", "")) or "service"
    return typed


def _is_value(rest: list[str]) -> bool:
    """Return whether the word after an unknown option is more likely its value than the program: no program is called so."""
    if not rest or rest[0].startswith("-"):
        return False
    return any(word.startswith("--") for word in rest[1:2]) or shutil.which(rest[0]) is None


def _absolute(program: str) -> str:
    return os.path.abspath(program) if "/" in program and not program.startswith("/") else program


def _add(keys: dict[str, Any], key: Key, text: str) -> None:
    value: Any
    if key.path == "env":
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongOption(f"`--env {safe(text, 80)}` has no value", "write --env NAME=VALUE")
        keys[f"env.{name}"] = value
        return
    value = _value(text, key)
    before = keys.get(key.path)
    if before is not None:
        value = [*(before if isinstance(before, list) else [before]), value]
    keys[key.path] = value


def _value(text: str, key: Key) -> Any:
    if key.type == _TRUTH and text in _TRUTHS:
        return _TRUTHS[text]
    if _NUMBER.fullmatch(text) and (key.unit or "number" in key.type):
        return float(text) if "." in text else int(text)
    if text[:1] in "[{":
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            pass  # a pattern in brackets, as of an IPv6 address
    return text


def service_text(typed: Typed) -> str:
    """Return the service file that says the same: a key a line."""
    return "".join(f"{'.'.join(map(_quoted, path.split('.', 1)))} = {as_toml(value)}\n" for path, value in typed.keys.items())


def _quoted(part: str) -> str:
    return ".".join(part.split(".")) if re.fullmatch(r"[A-Za-z0-9_.-]+", part) else as_toml(part)


def sources_of(typed: Typed) -> Sources:
    """Return what `superd run` reads."""

    def path(option: str) -> str | None:
        return os.path.abspath(typed.own[option]) if option in typed.own else None

    single = f"{ORIGIN}/{typed.name}.toml"
    config, allow, deny = path("--config") or "", path("--hosts-allow"), path("--hosts-deny")
    return Sources(config, hosts_allow=allow, hosts_deny=deny, single=single, text=service_text(typed))


def serve(words: list[str]) -> int:
    """Serve one program until SIGTERM. Returns the exit status: 64 for a wrong option, else that of ``superd run``."""
    if not words or {"-h", "--help"} & set(words[: words.index("--") if "--" in words else None]):
        sys.stdout.write(help_text())
        return 0 if words else EX_USAGE
    typed = parse(words)
    if typed.wrong:
        for text, hint in [(str(problem), problem.hint) for problem in typed.wrong] + _wrong_values(typed):
            sys.stderr.write(f"superd: error: {safe(text, 400)}\n" + (f"  hint: {safe(hint, 400)}\n" if hint else ""))
        return EX_USAGE
    from superd.cli.run import run

    return run(sources_of(typed))


def _wrong_values(typed: Typed) -> list[tuple[str, str]]:
    """Return what is wrong with the values of the options that are right. What is missing may only be misspelled."""
    from superd.load.registry import load

    try:
        load(sources_of(typed))
    except ConfigError as refused:
        errors = [problem for problem in refused.problems if problem.origin.line and problem.severity is Severity.ERROR]
        own = [problem for problem in errors if problem.origin.file.startswith(ORIGIN)]
        return [(problem.message, problem.hint) for problem in own if not any(word in problem.message for word in _MISSING)]
    return []


def help_text() -> str:
    """Return the options, in the groups of the model."""
    lines = ["Usage: superd serve [OPTIONS] [--] PROGRAM [ARGUMENTS]...", "", "  Serve one program, without any file.", ""]
    lines += ["Own options:", *(_line(f"{name} {what}", text) for name, (what, text) in OWN.items())]
    found = options()
    for table in TABLES:
        rows = [(option, key) for option, key in found.items() if key.table is table]
        if rows:
            lines += ["", f"{table.title.replace('`', '')}:"]
            lines += [_line(option if key.type == _TRUTH else f"{option} {_what(key)}", key.meaning) for option, key in rows]
    example = "superd serve --port 1337 --user nobody --session 60s -- /srv/prog"
    return "\n".join([*lines, "", f"Example: {example}", ""])


def _what(key: Key) -> str:
    return "TIME" if key.unit == "seconds" else "N" if key.type.startswith("whole number") else "VALUE"


def _line(left: str, text: str) -> str:
    plain = text.replace("`", "")
    room = _WIDTH - _COLUMN
    shown = plain if len(plain) <= room else plain[: room - 1].rsplit(" ", 1)[0] + " …"
    return f"  {left}\n{'':{_COLUMN}}{shown}" if len(left) > _COLUMN - 4 else f"  {left:<{_COLUMN - 2}}{shown}"
