"""Completion of what the running superd knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from superd.cli import completion


def test_without_a_superd_there_is_nothing_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", "/nonexistent/control")
    assert completion.service_names("") == []
    assert completion.session_ids("") == []
    assert completion.banned("") == []


def test_what_begins_so_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "GetStatus": {"services": [{"name": "git"}, {"name": "rsync"}]},
        "ListSessions": {"sessions": [{"id": "9f3-1", "service": "git", "peer": "192.0.2.1:5"}]},
        "ListBans": {"bans": [{"prefix": "192.0.2.0/24"}]},
    }
    monkeypatch.setattr(completion, "_asked", lambda method, **parameters: answers[method])
    assert completion.service_names("g") == ["git"]
    assert completion.session_ids("9f") == [("9f3-1", "git 192.0.2.1:5")]
    assert completion.banned("10") == []


def test_service_files_of_the_host_are_offered_without_a_superd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUPERD_SOCKET", "/nonexistent/control")
    for name in ("git.toml", "gopher.toml", "rsync.toml", "git.toml.orig"):
        (tmp_path / name).touch()
    monkeypatch.setattr(completion, "OPERATORS_OWN", str(tmp_path))
    monkeypatch.setattr(completion, "OF_PACKAGES", "/nonexistent")
    assert completion.configured_names("g") == ["git", "gopher"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("superd import x", "xinetd"),
        ("superd export sys", "systemd"),
        ("superd schema c", "config"),
        ("superd help limits.idl", "limits.idle"),
        ("superd check --format sa", "sarif"),
    ],
)
def test_a_shell_is_offered_kinds_and_keys(typed: str, offered: str) -> None:
    environ = os.environ | {
        "_SUPERD_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))
    }  # fmt: skip
    superd = Path(sys.executable).parent / "superd"
    assert subprocess.run([superd], env=environ, capture_output=True, text=True).stdout.split() == [offered]
