"""The commands that write, compare and describe files; ``app.py`` adds them. Each imports what it needs when it is called.

Runs in: the operator's commands. Never: does the work of a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superd.cli.completion import configured_names, key_names, words
from superd.cli.every_word import one_of

Config = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="superd.toml, or an xinetd.conf or inetd.conf as it is")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--services", "-s", metavar="DIR", help="folder of service files; may be given several times"),
]
Allow = Annotated[str | None, typer.Option("--hosts-allow", metavar="FILE", help="table instead of /etc/hosts.allow")]
Deny = Annotated[str | None, typer.Option("--hosts-deny", metavar="FILE", help="table instead of /etc/hosts.deny")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON value instead of text")]


def add_to(app: typer.Typer) -> None:
    """Add each command to the program."""
    app.command(rich_help_panel="Check", epilog="Example: superd diff /etc/superd/services.d services.d")(diff)
    app.command(rich_help_panel="Check", epilog="Example: superd doctor --all")(doctor)
    app.command(rich_help_panel="Check", epilog="Example: superd audit --json")(audit)
    app.command(rich_help_panel="Write", epilog="Example: superd new hello --run '/bin/echo hello' --port 7070")(new)
    app.command(rich_help_panel="Write", epilog="Example: superd export systemd git")(export)
    app.command("help", rich_help_panel="Learn", epilog="Example: superd help per_source")(help_key)
    app.command(rich_help_panel="Learn", epilog="Example: superd schema service >superd-service.json")(schema)


def help_key(
    key: Annotated[str, typer.Argument(help="a key, as per_source or limits.idle", autocompletion=key_names)] = "",
) -> None:
    """Say what a key of the files means, with its type, default and an example; or list all keys."""
    from superd.cli.help_key import help_key as tell
    from superd.cli.help_key import list_keys

    raise typer.Exit(tell(key) if key else list_keys())


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            help="`service` or `config`", parser=one_of("service", "config"), autocompletion=words("service", "config")
        ),
    ],
) -> None:
    """Print the JSON Schema of a service file or of superd.toml, for editors and validators."""
    from superd.cli.json_schema import print_schema

    raise typer.Exit(print_schema(kind))


def diff(
    old: Annotated[Path, typer.Argument(help="a folder of service files, superd.toml, or another daemon's file")],
    new: Annotated[Path, typer.Argument(help="the same, as it is to be")],
    json_output: AsJson = False,
) -> None:
    """Say what would be served otherwise, key by key. Ends with 0 for no difference, 1 for some."""
    from superd.cli.diff import diff as compare
    from superd.cli.sources import named

    raise typer.Exit(compare(named(old, None, None, None), named(new, None, None, None), as_json=json_output))


def doctor(
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    everything: Annotated[bool, typer.Option("--all", help="list the checks that passed, too")] = False,
    json_output: AsJson = False,
) -> None:
    """Say what of this host keeps superd from its work, and what to do. Ends with 1 where something does."""
    from superd.cli.doctor import doctor as look
    from superd.cli.sources import sources_of

    raise typer.Exit(look(sources_of(config, services, hosts_allow, hosts_deny), everything=everything, as_json=json_output))


def audit(
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    json_output: AsJson = False,
) -> None:
    """List each listener, its user, who can reach it, and what is unusual."""
    from superd.cli.audit import audit as list_all
    from superd.cli.sources import sources_of

    raise typer.Exit(list_all(sources_of(config, services, hosts_allow, hosts_deny), as_json=json_output))


def new(
    service: Annotated[str, typer.Argument(help="the service's id; default: the program's name")] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="COMMAND", help="the program and its arguments, as one word in quotes")
    ] = "",
    redirect: Annotated[str, typer.Option("--redirect", metavar="HOST:PORT", help="relay to another host and port")] = "",
    builtin: Annotated[str, typer.Option("--builtin", metavar="NAME", help="an internal service, as echo")] = "",
    port: Annotated[str, typer.Option("--port", metavar="NUMBER", help="the port that clients reach")] = "",
    only_from: Annotated[
        list[str] | None, typer.Option("--only-from", metavar="NET", help="who may connect; may be given several times")
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="every client that reaches the port may connect")] = False,
    user: Annotated[str, typer.Option("--user", metavar="USER", help="the program's user; default: `nobody`")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="folder the file goes to")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a file that exists")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the file and write nothing")] = False,
) -> None:
    """Write the first file of a service, from options or by a few questions, and say what to try."""
    from superd.cli.new_service import Wanted
    from superd.cli.new_service import new as make

    wanted = Wanted(service, run, redirect, builtin, port, user, list(only_from or ()), everybody)
    raise typer.Exit(make(wanted, str(output) if output is not None else None, force=force, dry_run=dry_run))


def export(
    kind: Annotated[
        str,
        typer.Argument(
            help="systemd, xinetd or compose",
            parser=one_of("systemd", "xinetd", "compose"),
            autocompletion=words("systemd", "xinetd", "compose"),
        ),
    ],
    name: Annotated[str, typer.Argument(help="a service's id", autocompletion=configured_names)],
    config: Config = None,
    services: Folders = None,
) -> None:
    """Print one service in another daemon's words, and name each key that gets lost."""
    from superd.cli.export import export as write
    from superd.cli.sources import sources_of

    raise typer.Exit(write(sources_of(config, services, None, None), kind, name))
