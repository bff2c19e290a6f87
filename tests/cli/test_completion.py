"""Completion of what the running superd knows."""

from __future__ import annotations

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
