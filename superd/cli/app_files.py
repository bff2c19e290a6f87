"""The commands that write, compare and describe files; ``app.py`` adds them. Each imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add each command to the program."""
    app.command(rich_help_panel="Check", epilog="Example: superd diff /etc/superd/services.d services.d")(diff)
    app.command("help", rich_help_panel="Learn", epilog="Example: superd help per_source")(help_key)
    app.command(rich_help_panel="Learn", epilog="Example: superd schema service >superd-service.json")(schema)


def help_key(key: Annotated[str, typer.Argument(help="a key, as per_source or limits.idle")]) -> None:
    """Say what a key of the files means, with its type, default and an example."""
    from superd.cli.help_key import help_key as tell

    raise typer.Exit(tell(key))


def schema(kind: Annotated[str, typer.Argument(help="service or config")]) -> None:
    """Print the JSON Schema of a service file or of superd.toml, for editors and validators."""
    from superd.cli.json_schema import KINDS, print_schema

    if kind not in KINDS:
        raise typer.BadParameter(f"`{kind[:40]}` is neither `service` nor `config`")
    raise typer.Exit(print_schema(kind))


def diff(
    old: Annotated[Path, typer.Argument(help="a folder of service files, superd.toml, or another daemon's file")],
    new: Annotated[Path, typer.Argument(help="the same, as it is to be")],
    json_output: Annotated[bool, typer.Option("--json", help="one JSON value instead of text")] = False,
) -> None:
    """Say what would be served otherwise, key by key. Ends with 0 for no difference, 1 for some."""
    from superd.cli.diff import diff as compare
    from superd.cli.sources import named

    raise typer.Exit(compare(named(old, None, None, None), named(new, None, None, None), as_json=json_output))
