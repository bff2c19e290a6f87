"""``superd --help``: commands in groups, each with its whole first sentence. The order of groups is that of this file.

Runs in: the operator's commands. Never: cuts a text; the terminal's width wraps it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from typer.core import TyperGroup

from superd.cli.every_word import read

TYPES = {
    "<str>": "WORD",
    "<int>": "NUMBER",
    "<int range>": "NUMBER",
    "<float>": "NUMBER",
    "<path>": "PATH",
    "<list[str]>": "WORD",
    "<list[Path]>": "PATH",
}
"""What newer typers write for a value of an option, and what it is called here. An argument has its name alone."""
GROUPS = ("Serve", "Look", "Act", "Check", "Write", "Learn")
"""The `rich_help_panel` of a command is its group; a command without one stands in the last."""
XINETD = ("xinetd", "Serve with xinetd's command line. See superd(8).")
"""It reads its own options (cli/xinetd.py), as xinetd's have one dash."""


class Commands(TyperGroup):
    """The command `superd`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words before the command, and name all that are wrong."""
        return read(super().parse_args, ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, whose help names values in words: typer writes Python's types. It names all wrong words at once."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and "parse_args" not in vars(command):
            command.parse_args = partial(read, command.parse_args)  # type: ignore[method-assign]
        for parameter in command.params if command is not None else ():
            parameter.get_help_record = partial(_record, parameter.get_help_record)  # type: ignore[method-assign]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each group as a section."""
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUPS}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                groups[panel if panel in groups else GROUPS[-1]].append((name, first_sentence(command.help or "")))
        groups["Serve"].append(XINETD)
        for title, rows in groups.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _record(ask: Callable[[Any], tuple[str, str] | None], ctx: Any) -> tuple[str, str] | None:
    record = ask(ctx)
    if record is None:
        return None
    names, text = record
    for kind, word in TYPES.items():
        names = names.replace(f" {kind}", f" {word}" if names.startswith("-") else "")
    return names, text.replace("  [default: 0.0]", "").replace("  [required]", "")


def first_sentence(text: str) -> str:
    """Return the first sentence of a command's help, in one line."""
    line = " ".join(text.split("\f")[0].split())
    return line.split(". ")[0].rstrip(".") + "."
