"""`superd --help` and each command's help: grouped, whole at 80 columns, with an example."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
import typer.main

from superd.cli.app import app
from superd.cli.help_format import GROUPS, first_sentence

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def shown(*words: str) -> list[str]:
    environ = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    done = subprocess.run([sys.executable, "-m", "superd", *words], capture_output=True, text=True, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_every_command_stands_whole_in_its_group() -> None:
    lines = shown("--help")
    assert lines == shown("-h")
    assert [line for line in lines if len(line) > 80 or (line.rstrip().endswith("...") and "ARGS" not in line)] == []
    assert [line.rstrip(":") for line in lines if line.rstrip(":") in GROUPS] == [
        group for group in GROUPS if f"{group}:" in lines
    ]
    text = " ".join(" ".join(lines).split())
    for name, command in COMMANDS.items():
        assert f" {name} {first_sentence(command.help)}" in text
    assert " xinetd Serve with xinetd's command line. " in text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_a_group_a_sentence_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.rich_help_panel in GROUPS
    assert command.help.rstrip().endswith(".")
    assert command.epilog.startswith(f"Example: superd {name}")
    assert shlex.split(command.epilog.removeprefix("Example: "))[1] == name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_commands_help_is_whole_and_names_no_type_of_python(name: str) -> None:
    lines = shown(name, "--help")
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if re.search(r"<[\w ]+(\[\w+\])?>|0\.0\]", line)] == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Check it. Ends with 0.", "Check it."),
        ("Check\n    it", "Check it."),
        ("Read superd.toml and more. Second", "Read superd.toml and more."),
    ],
)
def test_the_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first
