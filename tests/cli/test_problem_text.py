"""Problems on a screen: place, word, message, hint, counts; colour only where a terminal shows it."""

from __future__ import annotations

import io

import pytest

from superd.cli.problem_text import MAX_TEXT, print_problems
from superd.problem import Origin, Problem, Severity


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(*problems: Problem, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    print_problems(problems, out)
    return out.getvalue()


ERROR = Problem(Origin("a.toml", 3), Severity.ERROR, "`port` is not a number", "write `port = 7`")
WARNING = Problem(Origin("b.toml"), Severity.WARNING, "never used", "")


def test_a_problem_has_its_place_and_its_hint_below() -> None:
    assert shown(ERROR, WARNING) == (
        "a.toml:3: error: `port` is not a number\n  hint: write `port = 7`\nb.toml: warning: never used\n1 error, 1 warning\n"
    )


def test_no_problem_prints_nothing() -> None:
    assert shown() == ""


def test_only_a_terminal_gets_colour_and_only_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31merror\x1b[0m" in shown(ERROR, out=Terminal())
    assert "\x1b" not in shown(ERROR)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(ERROR, out=Terminal())


def test_text_of_a_file_cannot_speak_to_the_terminal() -> None:
    text = shown(Problem(Origin("x", 1), Severity.ERROR, "\x1b]0;owned\x07" + "y" * 2 * MAX_TEXT, "\x1b[2J"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert len(text) < 2 * MAX_TEXT


def test_without_a_place_to_write_it_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems([ERROR])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("a.toml:3: error:")
