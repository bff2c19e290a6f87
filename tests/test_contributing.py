"""The worked examples of CONTRIBUTING.md work: each block of Python is run where the page says it goes."""

from __future__ import annotations

import inspect
import re
import textwrap
from enum import StrEnum
from pathlib import Path

import typer.main
from typer.testing import CliRunner

import superd.cli.app
import superd.service
from superd.config.toml.service_file import parse_toml
from superd.front.gate.conditions import FrontConditions
from superd.log.event import Event, Kind
from superd.log.formatter import Formatter
from superd.occupancy import Occupancy
from superd.peer import peer_from_text
from superd.policy import admission
from superd.policy.admission import Access
from superd.service import Service
from superd.settings import Settings
from superd.verdict import Reason, Verdict
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


def test_the_guard_refuses_and_admits() -> None:
    source = inspect.getsource(admission.check_limits)
    head, found, body = source.partition("    if access.max_load")
    assert found
    section = PAGE.read_text().partition("### Add a guard")[2].partition("###")[0]
    name, word = re.findall(r'`([A-Z_]+) = "(\w+)"`', section)[0]
    words = dict(vars(admission))
    words["Reason"] = StrEnum("Reason", {**{reason.name: reason.value for reason in Reason}, name: word})
    exec(f"from __future__ import annotations\n{head}{textwrap.indent(example('Add a guard'), '    ')}\n{found}{body}", words)
    exec(f"from __future__ import annotations\n{inspect.getsource(admission.admit)}", words)

    class Guarded(Access):
        low_port = True

    access = Guarded(Service(name="x", server="/bin/cat", port=7))

    def verdict(port: int) -> Verdict:
        answer = words["admit"](access, peer_from_text("192.0.2.7", port), Occupancy(), 0.0, FrontConditions(Settings()))
        assert isinstance(answer, Verdict)
        return answer

    assert verdict(1023).admit
    assert (verdict(1024).admit, verdict(1024).why()) == (False, "high_port: the client's port is 1024")


def test_each_worked_example_has_its_test() -> None:
    headings = re.findall(r"^### (Add .+)$", PAGE.read_text(), re.M)
    asked = re.findall(r"example\([\"'](Add .+?)[\"']\)", Path(__file__).read_text())
    assert sorted(set(asked)) == sorted(headings)


def test_the_command_is_one_of_superds() -> None:
    words = dict(vars(superd.cli.app))
    app = words["app"] = typer.Typer()
    exec(example("Add a command"), words)
    app.command()(lambda: None)
    result = CliRunner().invoke(app, ["count", "--help"])
    assert result.exit_code == 0
    assert "Print how many services there are." in result.output
