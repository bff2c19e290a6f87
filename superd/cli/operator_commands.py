"""The commands that ask the running superd, and their options. Each imports what it needs when it is called.

Runs in: the operator's commands. Never: does the work of a command.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from superd.cli.completion import banned, service_names, session_ids
from superd.cli.every_word import network, one_of


def _seconds(text: str | float) -> float:
    from superd.quantities import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    assert isinstance(seconds, (int, float))
    return float(seconds)


Watch = Annotated[float, typer.Option("--watch", help="again every so often, as 2s", metavar="TIME", parser=_seconds)]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON value instead of text")]
Name = Annotated[str | None, typer.Argument(help="one service instead of all", autocompletion=service_names)]
Names = Annotated[list[str] | None, typer.Argument(help="services; all without one", autocompletion=service_names)]
Service = Annotated[str, typer.Option("--service", help="of this service alone", autocompletion=service_names)]
Source = Annotated[str, typer.Option("--source", metavar="ADDRESS[/LENGTH]", help="of these clients alone", parser=network)]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="a reason, shown to other operators")]
Sort = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="WORD",
        help="age, service, peer, memory, cpu, idle or id",
        parser=one_of("age", "service", "peer", "memory", "cpu", "idle", "id"),
    ),
]
Older = Annotated[float, typer.Option("--older-than", help="only those, as 5m", metavar="TIME", parser=_seconds)]


def status(
    service: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="idle services too")] = False,
    watch: Watch = 0.0,
    json_output: AsJson = False,
) -> None:
    """What is served, who is connected, what needs a person. 0: nothing does, 1: something does."""
    from superd.cli.status import status as show_status
    from superd.cli.watch import watched

    raise typer.Exit(watched(watch, lambda: show_status(service, everything=everything, as_json=json_output)))


def sessions(
    service: Name = None,
    source: Source = "",
    older_than: Older = 0.0,
    sort: Sort = "age",
    watch: Watch = 0.0,
    json_output: AsJson = False,
) -> None:
    """Who is connected: client, program, age, memory, the rule that admitted them."""
    from superd.cli.sessions import sessions as list_sessions
    from superd.cli.watch import watched

    raise typer.Exit(watched(watch, lambda: list_sessions(service, source, older_than, sort, as_json=json_output)))


def top(
    service: Name = None,
    sort: Sort = "cpu",
    interval: Annotated[float, typer.Option("--interval", help="as 2s", metavar="TIME", parser=_seconds)] = 1.0,
    json_output: AsJson = False,
) -> None:
    """Services and sessions, live: s sorts, / filters, k ends the marked session, q ends. On a pipe plain text, once."""
    from superd.cli.top import top as watch

    raise typer.Exit(watch(service or "", sort, interval, as_json=json_output))


def kick(
    ids: Annotated[list[str] | None, typer.Argument(help="sessions' ids", autocompletion=session_ids)] = None,
    source: Source = "",
    service: Service = "",
    now: Annotated[bool, typer.Option("--now", help="without the service's grace")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be ended")] = False,
    json_output: AsJson = False,
) -> None:
    """End sessions: these, or all of a source or a service. 1: none is live."""
    from superd.cli.operate import kick as end

    if bool(ids) == bool(source or service):
        raise typer.BadParameter("ids, or --source and --service", param_hint="IDS")
    raise typer.Exit(end(ids or [], source, service, now=now, dry_run=dry_run, as_json=json_output))


def ban(
    address: Annotated[str, typer.Argument(metavar="ADDRESS[/LENGTH]", help="clients to refuse", parser=network)],
    seconds: Annotated[float, typer.Option("--for", help="as 1h; for ever without it", metavar="TIME", parser=_seconds)] = 0.0,
    service: Service = "",
    because: Because = "",
    keep: Annotated[bool, typer.Option("--keep", help="leave their sessions alone")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="also one's own address, also nearly all clients")] = False,
    json_output: AsJson = False,
) -> None:
    """Refuse clients from now on, and end their sessions. It survives a restart."""
    from superd.cli.operate import ban as refuse

    raise typer.Exit(refuse(address, seconds, service, because, keep=keep, yes=yes, as_json=json_output))


def unban(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS[/LENGTH]", help="as it was banned", parser=network, autocompletion=banned)
    ],
    service: Service = "",
    json_output: AsJson = False,
) -> None:
    """Take a ban back."""
    from superd.cli.operate import unban as admit

    raise typer.Exit(admit(address, service, as_json=json_output))


def bans(watch: Watch = 0.0, json_output: AsJson = False) -> None:
    """Who is banned: until when, why, by which user, how often it was hit."""
    from superd.cli.operate import bans as list_bans
    from superd.cli.watch import watched

    raise typer.Exit(watched(watch, lambda: list_bans(as_json=json_output)))


def pause(
    services: Annotated[list[str], typer.Argument(help="services", autocompletion=service_names)],
    refuse: Annotated[bool, typer.Option("--refuse", help="refuse clients, instead of letting them wait")] = False,
    because: Because = "",
    json_output: AsJson = False,
) -> None:
    """Accept no clients of services; those that are connected stay."""
    from superd.cli.operate import pause as stop

    raise typer.Exit(stop(services, because, refuse=refuse, as_json=json_output))


def resume(services: Names = None, json_output: AsJson = False) -> None:
    """Accept clients again: of these services, or of all that are paused."""
    from superd.cli.operate import resume as go_on

    raise typer.Exit(go_on(services or [], as_json=json_output))


def drain(
    services: Names = None,
    until: Annotated[float, typer.Option("--until", help="wait no longer, as 10m", metavar="TIME", parser=_seconds)] = 0.0,
    json_output: AsJson = False,
) -> None:
    """Accept no clients, and wait for the sessions. 0: all are over, 1: some are left."""
    from superd.cli.operate import drain as wait

    raise typer.Exit(wait(services or [], until or None, as_json=json_output))


def reload(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it would change")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="list the services and keys that changed")] = False,
    json_output: AsJson = False,
) -> None:
    """Read the configuration, and wait until it is in force. 78: refused, with the problems."""
    from superd.cli.operate import reload as read

    raise typer.Exit(read(dry_run=dry_run, diff=diff, as_json=json_output))


def logs(
    service: Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what happens")] = False,
    source: Source = "",
    reason: Annotated[str, typer.Option("--reason", help="refusals for this reason alone")] = "",
    event: Annotated[str, typer.Option("--event", help="events of this kind alone: start, exit, fail, ban, …")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="at most so many")] = 50,
    json_output: AsJson = False,
) -> None:
    """The last events from memory, whatever the log's targets are."""
    from superd.cli.logs import logs as show

    raise typer.Exit(show(service, source, reason, event, lines, follow=follow, as_json=json_output))


def metrics(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="for node_exporter, as a whole")] = "",
) -> None:
    """The counts of the running superd, for Prometheus."""
    from superd.cli.metrics import metrics as show

    raise typer.Exit(show(output))


LOOK: dict[Callable[..., None], str] = {
    status: "superd status tftp",
    sessions: "superd sessions git --source 198.51.100.0/24",
    top: "superd top --sort memory",
    bans: "superd bans",
    logs: "superd logs -f --event fail",
    metrics: "superd metrics -o /var/lib/prometheus/node-exporter/superd.prom",
}
ACT: dict[Callable[..., None], str] = {
    kick: "superd kick --source 198.51.100.0/24 --dry-run",
    ban: 'superd ban 198.51.100.4 --for 1h --because "mirror loop"',
    unban: "superd unban 198.51.100.4",
    pause: 'superd pause rsync --because "kernel upgrade"',
    resume: "superd resume rsync",
    drain: "superd drain --until 10m",
    reload: "superd reload --diff",
}
"""Commands in the order of the help, each with an example."""


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for group, commands in (("Look", LOOK), ("Act", ACT)):
        for command, example in commands.items():
            app.command(rich_help_panel=group, epilog=f"Example: {example}")(command)
