"""The commands and their options. Each imports what it needs when it is called: `check` must not load trio.

Runs in: the operator's commands, and the master-to-be. Never: does the work of a command.
"""

from pathlib import Path
from typing import Annotated

import typer

from superd.cli import app_files
from superd.cli.app_files import Allow, AsJson, Config, Deny, Folders
from superd.cli.completion import configured_names, words
from superd.cli.every_word import one_of
from superd.cli.help_format import Commands
from superd.cli.operator_commands import register

app = typer.Typer(
    name="superd",
    cls=Commands,
    help="The superserver with TCP Wrappers built in.",
    epilog="Example: superd check && systemctl reload superd",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

KeepGoing = Annotated[bool, typer.Option("--keep-going", help="serve the right files and report the wrong ones")]


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if show_version:
        from superd import __version__

        typer.echo(f"superd {__version__}")
        raise typer.Exit


@app.command(rich_help_panel="Serve", epilog="Example: superd run --services services.d")
def run(
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    keep_going: KeepGoing = False,
) -> None:
    """Serve in the foreground until SIGTERM comes. SIGHUP reloads the files."""
    from superd.cli.run import run as serve
    from superd.cli.sources import sources_of

    raise typer.Exit(serve(sources_of(config, services, hosts_allow, hosts_deny), keep_going=keep_going))


@app.command(
    rich_help_panel="Serve",
    epilog="Example: superd serve --port 7070 --user nobody -- /srv/prog",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
def serve(
    words: Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS] -- PROGRAM...", help="superd serve --help")] = None,
) -> None:
    """Serve one program without any file: each key of a service file is an option."""
    import sys

    from superd.cli.serve import serve as serve_one

    raise typer.Exit(serve_one(sys.argv[2:] if sys.argv[1:2] == ["serve"] else words or []))


@app.command(rich_help_panel="Serve", epilog="Example: superd upgrade")
def upgrade(
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    json_output: AsJson = False,
) -> None:
    """Have the superd that runs go on as the program on disk. No session ends, and no connection is refused."""
    from superd.cli.sources import sources_of
    from superd.cli.upgrade import upgrade as ask

    raise typer.Exit(ask(sources_of(config, services, hosts_allow, hosts_deny), as_json=json_output))


@app.command(rich_help_panel="Check", epilog="Example: superd check services.d")
def check(
    path: Annotated[Path | None, typer.Argument(help="a file or folder instead of the host's own")] = None,
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    strict: Annotated[bool, typer.Option("--strict", help="warnings fail too")] = False,
    explicit: Annotated[bool, typer.Option("-a", help="want allow or deny in every rule of hosts.allow, as tcpdchk -a")] = False,
    candidate: Annotated[
        Path | None, typer.Option("--candidate", metavar="FILE", help="check this service's file among all the others")
    ] = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="the name the candidate is to have; default: its own")] = "",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORM",
            help="text, json, sarif (code scanners) or github (annotations)",
            parser=one_of("text", "json", "sarif", "github"),
            autocompletion=words("text", "json", "sarif", "github"),
        ),
    ] = "text",
    json_output: AsJson = False,
) -> None:
    """Check every file and start nothing. Ends with 0 when all is fine, 78 for errors."""
    from superd.cli.check import check as look
    from superd.cli.sources import named, sources_of, with_candidate

    if path is not None and not services:
        sources = named(path, config, hosts_allow, hosts_deny)
    else:
        sources = sources_of(path or config, services, hosts_allow, hosts_deny)
    if candidate is not None or name:
        try:
            sources = with_candidate(sources, candidate, name)
        except ValueError as problem:
            raise typer.BadParameter(str(problem)) from None
    raise typer.Exit(look(sources, strict=strict, form="json" if json_output else form, explicit=explicit))


@app.command(rich_help_panel="Look", epilog="Example: superd show git")
def show(
    service: Annotated[str | None, typer.Argument(help="one service instead of all", autocompletion=configured_names)] = None,
    config: Config = None,
    services: Folders = None,
    json_output: AsJson = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="what its program is kept from, and how exposed it is")] = False,
) -> None:
    """Print the effective configuration and where each value was written."""
    from superd.cli.show import show as print_all
    from superd.cli.show_sandbox import show_sandbox
    from superd.cli.sources import sources_of

    if sandbox:
        raise typer.Exit(show_sandbox(sources_of(config, services, None, None), service))
    raise typer.Exit(print_all(sources_of(config, services, None, None), service, as_json=json_output))


@app.command(rich_help_panel="Look", epilog="Example: superd explain git 192.0.2.7")
def explain(
    service: Annotated[str, typer.Argument(help="a service's id", autocompletion=configured_names)],
    address: Annotated[str, typer.Argument(help="the client's address")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="the client's confirmed host name")] = "",
    user: Annotated[str, typer.Option("--user", metavar="USER", help="the client's user as ident would say")] = "",
    proxy: Annotated[str, typer.Option("--proxy", metavar="ADDRESS", help="the proxy that announces the client")] = "",
    cert: Annotated[list[str] | None, typer.Option("--cert", metavar="NAME", help="a name of the client's certificate")] = None,
    config: Config = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
    json_output: AsJson = False,
) -> None:
    """Say who decides about a client, and why. Exit status: 0 admitted, 1 refused."""
    from superd.cli.explain import explain as tell
    from superd.cli.explain_live import as_json
    from superd.cli.sources import sources_of

    sources = sources_of(config, services, hosts_allow, hosts_deny)

    def work() -> int:
        return tell(sources, service, address, name, user, proxy, frozenset(cert or ()))

    raise typer.Exit(as_json(service, address, work) if json_output else work())


@app.command(rich_help_panel="Look", epilog="Example: superd match sshd@192.0.2.1 client.example.com")
def match(
    daemon: Annotated[str, typer.Argument(metavar="DAEMON[@SERVER]", help="as it is named in hosts.allow")],
    client: Annotated[str, typer.Argument(metavar="[USER@]CLIENT", help="an address, or a host's name")],
    here: Annotated[bool, typer.Option("-d", help="hosts.allow and hosts.deny of the working folder")] = False,
    inetd: Annotated[
        Path | None,
        typer.Option("-i", "--config", "-c", metavar="FILE", help="the xinetd.conf, inetd.conf or superd.toml with the daemons"),
    ] = None,
    services: Folders = None,
    hosts_allow: Allow = None,
    hosts_deny: Deny = None,
) -> None:
    """Say what hosts.allow and hosts.deny say of a client, as tcpdmatch does. Exit status: 0 admitted, 1 refused."""
    from superd.cli.match import match as ask
    from superd.cli.sources import sources_of

    raise typer.Exit(ask(sources_of(inetd, services, hosts_allow, hosts_deny), daemon, client, here=here))


@app.command("import", rich_help_panel="Write", epilog="Example: superd import xinetd /etc/xinetd.conf -o services.d")
def import_files(
    kind: Annotated[
        str,
        typer.Argument(
            help="xinetd, inetd or systemd",
            parser=one_of("xinetd", "inetd", "systemd"),
            autocompletion=words("xinetd", "inetd", "systemd"),
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(help="files or folders to read; of systemd the names or files of socket units")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="folder the service files go to")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print, write nothing")] = False,
    dialect: Annotated[
        str,
        typer.Option(
            "--dialect",
            metavar="NAME",
            help="inetd.conf of openbsd, freebsd, netbsd, inetutils or busybox; auto finds out",
            parser=one_of("openbsd", "freebsd", "netbsd", "inetutils", "busybox", "auto"),
        ),
    ] = "auto",
    alone: Annotated[bool, typer.Option("--alone", help="no xinetd.conf includes these files: they have no defaults")] = False,
    defaults: Annotated[
        Path | None,
        typer.Option("--defaults", metavar="FILE", help="superd.toml to write, with what all services have alike as [defaults]"),
    ] = None,
) -> None:
    """Write superd's own files from xinetd's, inetd's or systemd's, with a report of every difference."""
    from superd.cli.importer import import_command

    raise typer.Exit(
        import_command(kind, paths, output, force=force, dry_run=dry_run, dialect=dialect, alone=alone, defaults=defaults)
    )


app_files.add_to(app)
register(app)


def build_alone(name: str) -> None:
    """Have the app know one command: typer builds all thirty for each call, which takes 12 ms of a start."""
    alone = [command for command in app.registered_commands if command.callback is not None and command.callback.__name__ == name]
    app.registered_commands[:] = alone or app.registered_commands
