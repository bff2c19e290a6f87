"""The man pages superd(8), superd.toml(5) and superd-services(5): from the models, the commands and docs/commands.md."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import typer.main  # noqa: E402
from roff import entry, escaped, example, inline, markdown, page  # noqa: E402

from superd import __version__  # noqa: E402
from superd.cli.app import app  # noqa: E402
from superd.cli.key_facts import FIRST_VERSION, SERVICE_FILE, TABLES, Key, keys_of  # noqa: E402

DATE = "2026-12-01"
"""Of what the pages say as prose; a build must give the same bytes every time."""
SEE = ["superd(8)", "superd.toml(5)", "superd-services(5)", "hosts_access(5)", "systemd.socket(5)", "journalctl(1)"]

SERVICE_EXAMPLE = """# /etc/superd/services.d/hello.toml
server      = "/bin/echo"
server_args = ["hello"]
listen      = ["127.0.0.1:7070"]
only_from   = ["127.0.0.0/8", "192.0.2.0/24"]
user        = "nobody"
instances   = 50

[limits]
session = "1m"
"""
SETTINGS_EXAMPLE = """# /etc/superd/superd.toml
process_limit = 500

[defaults]
per_source = 10

[log]
targets = ["syslog"]
"""


def _see(own: str) -> list[str]:
    names = [re.fullmatch(r"(.+)\((\d)\)", name) for name in SEE if name != own]
    lines = [f".BR {escaped(name[1])} ({name[2]})," for name in names if name]
    return [*lines[:-1], lines[-1].rstrip(",")]


def _key(key: Key) -> list[str]:
    facts = [f"Type: {key.type}"]
    if key.unit:
        facts.append(f"unit: {key.unit}")
    if key.default:
        facts.append(f"default: {key.default}")
    if key.since != FIRST_VERSION:
        facts.append(f"since {key.since}")
    restart = " A change needs a restart." if key.restart else ""
    meaning = key.sentence + restart
    return [
        *entry(f"`{key.name}`", meaning),
        ".br",
        inline("; ".join(facts) + "."),
        ".br",
        inline(f"Example: `{key.name} = {key.example}`"),
    ]


def _keys(file: str) -> list[tuple[str, list[str]]]:
    """The sections about the keys of a file, one for each of its tables."""
    return [
        (
            f"KEYS OF {table.title.split('`')[1]}" if table.prefix else "KEYS",
            [line for key in keys_of(table) for line in _key(key)],
        )
        for table in TABLES
        if table.file == file
    ]


def _command(name: str, command: object) -> list[str]:
    usage = [f"\\fBsuperd {escaped(name)}\\fR"]
    options: list[str] = []
    for parameter in command.params:  # type: ignore[attr-defined]
        words = [word for word in parameter.opts if word.startswith("-")]
        value = "" if getattr(parameter, "is_flag", False) else (parameter.metavar or parameter.name.upper())
        if parameter.name == "help":
            continue
        if words:
            options += entry(
                ", ".join(f"`{word}`" for word in words) + (f" {value}" if value else ""), _sentence(parameter.help or "")
            )
        else:
            shown = f"\\fI{escaped(value.strip('[]<>'))}\\fR" + (" ..." if parameter.nargs == -1 else "")
            if " " in value:  # it says the whole of what follows
                usage.append(f"\\fI{escaped(value)}\\fR")
            else:
                usage.append(shown if parameter.required else f"[{shown}]")
    text = inline(" ".join((command.help or "").split()))  # type: ignore[attr-defined]
    shown = [".SS " + escaped(name), " ".join([*usage, "[\\fIoptions\\fR]"] if options else usage), ".PP", text]
    body = [*shown, *([".RS 4", *options, ".RE"] if options else [])]
    if command.epilog:  # type: ignore[attr-defined]
        body += [".PP", inline("Example: `" + command.epilog.removeprefix("Example: ") + "`")]  # type: ignore[attr-defined]
    return body


def _sentence(text: str) -> str:
    first = text.split(" ", 1)[0].rstrip(",")
    begin = text[:1] if "." in first or "/" in first else text[:1].upper()
    return f"{begin}{text[1:].rstrip('.')}." if text else ""


def _section(title: str) -> str:
    """The text of commands.md below a heading."""
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    return next(part for part in text.split("\n## ") if part.startswith(f"{title}\n")).partition("\n")[2]


def _table(text: str, first: str) -> list[str]:
    """The table of a text whose header begins with ``first``."""
    lines = text.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first}"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append(line)
    return markdown("\n".join(rows))


def superd_8() -> str:
    """superd(8)."""
    tree = typer.main.get_command(app)
    commands = [line for name, command in tree.commands.items() for line in _command(name, command)]  # type: ignore[attr-defined]
    intro = (ROOT / "docs/commands.md").read_text(encoding="utf-8").split("\n## ")[0]
    return page("superd", 8, DATE, __version__, "superserver with TCP Wrappers built in", [
        ("SYNOPSIS", ["\\fBsuperd\\fR \\fIcommand\\fR [\\fIoptions\\fR]", ".br", "\\fBsuperd run\\fR", ".br", "\\fBsuperd check\\fR"]),
        ("DESCRIPTION", markdown(
            "superd listens on the ports of many services and starts the program of a service when a client connects, as inetd and "
            "xinetd do. It decides with `hosts.allow` and `hosts.deny` who may connect, limits connections for each service and each "
            "source, and logs each session.\n\nEach service is one file, described in `superd-services`(5). The daemon itself has "
            "`superd.toml`(5). The files of xinetd and of inetd can be served as they are, or imported."
        )),
        ("COMMANDS", commands),
        ("WHAT IS READ", markdown(_section("What is read"))),
        ("SIGNALS", _table(_section("superd run"), "Signal")),
        ("EXIT STATUS", _table(intro, "Exit status")),
        ("ENVIRONMENT", markdown(
            "| E | |\n|---|---|\n| `NOTIFY_SOCKET` | where a service manager learns that superd is ready, reloads or stops |\n"
            "| `LISTEN_FDS`, `LISTEN_PID` | listeners that a service manager hands over |\n"
            "| `SUPERD_SOCKET` | the control socket, in place of /run/superd/control |\n"
            "| `STATE_DIRECTORY` | where bans and counts are kept, in place of /var/lib/superd |\n"
            "| `NO_COLOR` | turns colour off on a terminal |"
        )),
        ("FILES", markdown(
            "| F | |\n|---|---|\n| `/etc/superd/superd.toml` | the daemon's settings |\n"
            "| `/etc/superd/services.d` | the admin's services, a file each |\n"
            "| `/usr/lib/superd/services.d` | services of packages |\n"
            "| `/etc/hosts.allow`, `/etc/hosts.deny` | who may connect |\n"
            "| `/run/superd/control` | the control socket |\n"
            "| `/run/superd.dump` | the state that SIGUSR1 writes |"
        )),
        ("EXAMPLES", [inline("A service, and a first try:"), *example(SERVICE_EXAMPLE), *example("# superd check\n# systemctl reload superd")]),
        ("SEE ALSO", _see("superd(8)")),
    ])  # fmt: skip


def superd_toml_5(head: str) -> str:
    """superd.toml(5)."""
    return page("superd.toml", 5, DATE, __version__, "settings of the superserver superd", [
        ("SYNOPSIS", [inline("`/etc/superd/superd.toml`")]),
        ("DESCRIPTION", markdown(head)),
        *_keys("superd.toml"),
        ("KEYS OF [defaults]", [inline("Every key of `superd-services`(5), for all services.")]),
        ("EXAMPLE", example(SETTINGS_EXAMPLE)),
        ("SEE ALSO", _see("superd.toml(5)")),
    ])  # fmt: skip


def superd_services_5(head: str, kinds_head: str, kinds: list[str]) -> str:
    """superd-services(5)."""
    return page("superd-services", 5, DATE, __version__, "service files of the superserver superd", [
        ("SYNOPSIS", [inline("`/etc/superd/services.d/`NAME`.toml`"), ".br", inline("`/usr/lib/superd/services.d/`NAME`.toml`")]),
        ("DESCRIPTION", markdown(head)),
        *_keys(SERVICE_FILE),
        ("KEYS AND KINDS OF SERVICES", [*markdown(kinds_head), *_kinds(kinds)]),
        ("EXAMPLE", example(SERVICE_EXAMPLE)),
        ("SEE ALSO", _see("superd-services(5)")),
    ])  # fmt: skip


def _kinds(rows: list[str]) -> list[str]:
    """Each kind as a heading of its own, with the keys that it cannot have and why."""
    found: list[str] = []
    for row in rows[2:]:
        kind, by, keys, why = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
        if kind:
            found += [".TP", inline(f"{kind} ({by})")]
        else:
            found.append(".br")
        found.append(inline(f"Cannot have {keys}: {why}."))
    return found
