"""``superd help [KEY]``: what a key of the files means, its type, default and an example; or a line of every key.

Runs in: the operator's commands. Never: reads a file.
"""

from __future__ import annotations

import sys
import textwrap

from superd.cli.key_facts import FIRST_VERSION, Key, all_keys
from superd.config.synonyms import meant
from superd.exit_status import EX_USAGE
from superd.safe_text import safe
from superd.service_kinds import TABLE

WIDTH = 78
_COLUMN = 24
_DEFAULTS = """defaults  (superd.toml)
  Table of values for all services: it takes every key of a service file. A
  key counts from a fragment first, then from the service's file, then from
  here.
  type    table
  example defaults = { instances = 50, limits = { idle = "10m" } }
"""


def help_key(word: str) -> int:
    """Print every key of this name. Returns 0, or 64 for a name that no key has."""
    name = word.strip().strip("[]").lower()
    if name == "defaults":
        sys.stdout.write(_DEFAULTS)
        return 0
    keys = all_keys()
    base = name.removesuffix("_add")
    if base != name and any(base in (key.path, key.name) for key in keys if "list" in key.type):
        sys.stdout.write(f"{name}  adds to the list of `{base}` in the next place, instead of replacing it.\n")
        name = base
    found = [key for key in keys if name == key.path] or [key for key in keys if name == key.name]
    if found:
        inside = [_line(key, key.meaning) for key in keys if key.path.startswith(f"{name}.")]
        sys.stdout.write("\n".join(map(text_of, found)) + "".join(["  keys\n", *inside] if inside else ()))
        return 0
    hint = meant(name, [key.name for key in keys] + [key.path for key in keys])
    sys.stderr.write(f"superd: error: no key is called `{safe(word, 80)}`\n")
    if hint:
        sys.stderr.write(f"  hint: {hint}\n")
    return EX_USAGE


def list_keys() -> int:
    """Print a line of every key, in the tables of the files. Returns 0."""
    table = None
    for key in all_keys():
        if key.table is not table:
            sys.stdout.write(f"{'' if table is None else chr(10)}{key.table.title.replace('`', '')}\n")
            table = key.table
        sys.stdout.write(_line(key, key.sentence))
    sys.stdout.write("\nsuperd help KEY says more of each.\n")
    return 0


def text_of(key: Key) -> str:
    """One key as it is printed."""
    lines = [f"{key.path}  ({key.table.file})"]
    for text in (key.sentence, *_apart(key)):
        lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    facts = {"type": key.type, "unit": key.unit, "default": key.default, "example": f"{key.name} = {key.example}"}
    facts["since"] = key.since if key.since != FIRST_VERSION else ""
    if key.table.prefix:
        facts["example"] = f"[{key.table.prefix.rstrip('.')}] {facts['example']}"
    for title, text in facts.items():
        if text:
            shown = text.replace("`", "") if title != "example" else text
            lines += textwrap.wrap(f"{title:<8}{shown}", WIDTH, initial_indent="  ", subsequent_indent=" " * 10)
    return "\n".join(lines) + "\n"


def _apart(key: Key) -> list[str]:
    """What a reader must know besides: a restart, and the kinds of service that the key has no effect for."""
    found = ["A change needs a restart."] if key.restart else []
    if key.table.file != "superd.toml":
        titles = [kind.title for kind, keys in TABLE.items() if key.path in keys]
        if titles:
            found.append(f"It has no effect for: {'; '.join(titles)}.")
    return found


def _line(key: Key, text: str) -> str:
    path = f"{key.path:<{_COLUMN - 1}} "
    indent = " " * (_COLUMN + 2)
    return "\n".join(textwrap.wrap(f"  {path}{text}", WIDTH, subsequent_indent=indent, break_on_hyphens=False)) + "\n"
