"""The worked examples of CONTRIBUTING.md work: each block of Python is run where the page says it goes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import typer.main
from typer.testing import CliRunner

import superd.cli.app
import superd.service
from superd.config.toml.service_file import parse_toml
from superd.log.event import Event, Kind
from superd.log.formatter import Formatter
from superd.service import Service
from tests.docs_examples import ROOT, Block, blocks, tagged

PAGE = ROOT / "CONTRIBUTING.md"


def example(heading: str) -> str:
    """Return the block of Python of the section with this heading."""
    lines = PAGE.read_text().splitlines()
    start = lines.index(f"### {heading}") + 1
    return next(block.text for block in blocks(PAGE) if block.tag == "python" and block.line > start)


def test_blocks_of_python_stand_on_this_page_alone() -> None:
    def page(block: Block) -> Path:
        return block.page

    assert {page(block) for block in tagged("python")} == {PAGE}


def test_the_key_is_read_from_a_file() -> None:
    words = dict(vars(superd.service))
    exec(f"class Example(Service):\n{textwrap.indent(example('Add a key'), '    ')}", words)
    keys, _, problems = parse_toml(b'server = "/bin/cat"\nport = 7\ncalm = "5m"\n', "x.toml")
    assert not problems
    model = words["Example"]
    assert issubclass(model, Service)
    assert model(name="x", **keys).calm == 300


def test_the_format_makes_records() -> None:
    words: dict[str, object] = {"Event": Event}
    exec(example("Add a log format"), words)
    kind = words["Short"]
    assert isinstance(kind, type)
    formatter: Formatter = kind()
    event = object.__new__(Event)
    object.__setattr__(event, "kind", Kind.RELOAD)
    assert formatter.records(event) == [f"{Kind.RELOAD.word}\n".encode()]


def test_the_command_is_one_of_superds() -> None:
    words = dict(vars(superd.cli.app))
    app = words["app"] = typer.Typer()
    exec(example("Add a command"), words)
    app.command()(lambda: None)
    result = CliRunner().invoke(app, ["count", "--help"])
    assert result.exit_code == 0
    assert "Print how many services there are." in result.output
