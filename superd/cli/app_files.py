"""The commands that write, compare and describe files; ``app.py`` adds them. Each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add each command to the program."""
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
