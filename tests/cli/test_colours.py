"""Colours only on a terminal, and never with NO_COLOR."""

from __future__ import annotations

import io
import sys

import pytest

from superd.cli import colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colours.red("x", Terminal()) == "\x1b[31mx\x1b[0m"
    assert colours.red("x", io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert [paint("x", Terminal()) for paint in (colours.bold, colours.red, colours.yellow, colours.dim)] == ["x"] * 4


def test_the_width_is_the_terminals_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("20", 80), ("100", 100), ("900", 200)):
        monkeypatch.setenv("COLUMNS", columns)
        assert colours.width() == width
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert colours.width() == 120
