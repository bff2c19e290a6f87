"""Each wrong word of a command line is named, and all of them in one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from superd.cli.app import app
from superd.cli.importer import read_foreign
from superd.load.foreign import wrong_here

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def said(*words: str) -> list[str]:
    """Return the errors of a command line that is wrong."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    return [line.removeprefix("Error: ") for line in done.output.splitlines() if line.startswith("Error: ")]


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"serve"}))
def test_every_unknown_option_of_every_command_is_named(command: str) -> None:
    errors = said(command, "--qqq", "1", "--wwww=2", "-Q", "--zzzzz")
    for option in ("--qqq", "--wwww", "-Q", "--zzzzz"):
        assert sum(f"No such option: {option}" in line for line in errors) == 1, errors


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("ban --for xx --fro 1.2.3", ["--fro", "`xx` is not a duration", "`1.2.3` is not an address"]),
        ("sessions --sort zz --source 1.2 --watch later", ["`zz` is none of", "`1.2` is not an address", "`later` is not"]),
        ("import foo x --dialect nope", ["`foo` is none of", "`nope` is none of"]),
        ("export foo", ["`foo` is none of", "Missing argument 'name'"]),
        ("check --format xml --json=1", ["--json", "`xml` is none of"]),
        ("explain", ["Missing argument 'service'", "Missing argument 'address'"]),
        ("ban --for", ["'--for' requires an argument", "Missing argument"]),
        ("logs -n many --source x", ["--lines", "`x` is not an address"]),
        ("help one two three", ["extra argument"]),
        ("--qqq --www", ["--qqq", "--www"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_wrong_value_is_named(line: str, parts: list[str]) -> None:
    errors = said(*line.split())
    assert len(errors) == len(parts), errors
    for part in parts:
        assert any(part in error for error in errors), (part, errors)


def test_the_parameters_are_as_before_after_a_wrong_line() -> None:
    assert len(said("schema", "no", "--what")) == 2
    assert len(said("schema", "no")) == 1
    assert CliRunner().invoke(app, ["schema", "service"]).exit_code == 0


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("serve --foo 1 --bar 2", ["`--foo`", "`--bar`"]),
        (
            "serve --port abc --foo --user nobdy --env X --idle zz /bin/cat",
            ["`--foo`", "`--env X`", "`abc`", "`nobdy`", "`zz`"],
        ),
        ("serve --foo /bin/cat -n", ["`--foo`"]),
        ("xinetd -limit x -inc y -syslog nope -f", ["`-inc`", "`-f` needs", "`-limit x`", "`-syslog nope`"]),
        ("new a/b --run nosuch.program --port x", ["`nosuch.program`", "`x`", "`a/b`"]),
        ("explain nosuch 1.2.3 --services /nonexistent/none", ["/nonexistent/none"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_commands_that_read_their_words_themselves_name_each(line: str, parts: list[str]) -> None:
    command = [sys.executable, "-m", "superd", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    errors = [text for text in done.stderr.splitlines() if "error: " in text]
    assert len(errors) == len(parts), done.stderr
    for part in parts:
        assert any(part in text for text in errors), (part, done.stderr)


SOCKET = """[Socket]
ListenStream=99999
ListenStream=abc
ListenDatagram=1.2.3:5
Accept=maybe
MaxConnections=many
MaxConnectionsPerSource=-3
SocketMode=0999
SocketUser=no-such-user
Backlog=lots
BindIPv6Only=perhaps
KeepAlive=perhaps
IPAddressAllow=1.2.3.4.5 localhost multicast
Nonsense
"""
PROGRAM = """[Service]
ExecStart=cat
User=no-such-user
Group=no-such-group
StandardInput=tty
StandardOutput=tty
Environment=FOO
EnvironmentFile=a/b
LimitNOFILE=abc
LimitCPU=-5
MemoryMax=lots
TasksMax=zz
Nice=99
UMask=999
RuntimeMaxSec=xx
ProtectSystem=maybe
WorkingDirectory=a
PrivateTmp=perhaps
TimeoutStopSec=yy
DynamicUser=hm
CapabilityBoundingSet=CAP_NOPE CAP_FOO
"""


def test_every_wrong_word_of_two_units_is_named_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.socket").write_text(SOCKET)
    (tmp_path / "a@.service").write_text(PROGRAM)
    foreign = read_foreign("systemd", [str(tmp_path / "a.socket")])
    problems = {*foreign.problems, *wrong_here(foreign)}
    for file, text in (("a.socket", SOCKET), ("a@.service", PROGRAM)):
        named = {problem.origin.line for problem in problems if problem.origin.file.endswith(file)}
        assert {*range(2, text.count("\n") + 1)} == named, sorted(problems, key=lambda problem: problem.origin)
    assert sum("CAP_" in problem.message for problem in problems) == 2
