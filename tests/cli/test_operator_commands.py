"""Options of the operator's commands: what is wrong is refused before superd is asked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from superd.cli.app import app


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["kick"], "ids, or --source and --service"),
        (["kick", "9f-1", "--service", "git"], "ids, or --source and --service"),
        (["sessions", "--sort", "size"], "is none of"),
        (["ban", "192.0.2.1", "--for", "soon"], "is not a duration"),
        (["status", "--watch", "x"], "is not a duration"),
        (["pause"], "Missing argument"),
        (["logs", "-n", "0"], "-n"),
    ],
)
def test_wrong_usage_is_said(words: list[str], part: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert part in " ".join(done.output.split())


@pytest.mark.parametrize("word", ["status", "sessions", "bans", "resume", "drain", "reload", "logs"])
def test_without_a_superd_each_command_is_69(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", "/nonexistent/control")
    assert CliRunner().invoke(app, [word]).exit_code == 69
