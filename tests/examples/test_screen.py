"""The terminal of README.md is what the commands in it show."""

from __future__ import annotations

import html
import importlib.util
import re
from importlib.machinery import SourceFileLoader
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.docs_examples import ROOT, plain
from tests.needs import needs, needs_root

SCRIPT = ROOT / "scripts/screen"


@pytest.fixture
def screen() -> ModuleType:
    spec = importlib.util.spec_from_loader("screen", SourceFileLoader("screen", str(SCRIPT)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(picture: str) -> str:
    return plain("\n".join(html.unescape(re.sub("<[^>]*>", "", text)) for text in re.findall("<text .*?</text>", picture)))


@pytest.mark.timeout(120)
def test_the_picture_is_what_the_commands_show(screen: ModuleType) -> None:
    needs_root()
    needs("iproute2", "ip")
    assert lines(screen.drawn(screen.session())) == lines((ROOT / "docs/screen.svg").read_text())


def test_the_picture_is_a_picture_and_fetches_nothing() -> None:
    text = (ROOT / "docs/screen.svg").read_text()
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []


def test_colours_of_a_terminal_become_colours_of_the_picture(screen: ModuleType) -> None:
    assert '<tspan fill="#f07178">no</tspan>' in screen.drawn("\x1b[31mno\x1b[0m <\n")
    assert "&lt;" in screen.drawn("\x1b[31mno\x1b[0m <\n")
