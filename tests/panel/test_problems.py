"""What needs a person."""

from __future__ import annotations

from superd.panel.problems import problems
from tests.panel.script import FRONT, STATE

SERVICE = {"name": "tftp", "limit": 40, "refused_hour": 212}


def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    assert problems(STATE, [SERVICE], {}, {}, FRONT) == []


def test_errors_come_first_and_each_says_what_to_type() -> None:
    state = {
        **STATE,
        "missing": [{"address": "*:873", "service": "rsync", "why": "Address already in use"}],
        "reload": {"outcome": "refused", "problems": [], "summary": "1 problem"},
        "log_lost": 5,
    }
    found = problems(state, [SERVICE], {"tftp": 360.0}, {"git": "no such file"}, FRONT._replace(log_waiting=500, lag=2.0))
    assert [problem["severity"] for problem in found] == ["error"] * 3 + ["warning"] * 4
    assert all(problem["hint"] for problem in found)
    texts = [problem["text"] for problem in found]
    assert "cannot listen on *:873: Address already in use" in texts
    assert "at its limit of 40 for 6 min, 212 clients refused in the last hour" in texts
    assert "the last reload was refused: 1 problem" in texts


def test_a_missing_front_is_one() -> None:
    assert problems(STATE, [], {}, {}, None)[0]["severity"] == "error"


def test_a_refused_reload_names_its_first_error() -> None:
    error = {"file": "git.toml", "line": 6, "severity": "error", "message": "instances: `x`", "hint": ""}
    reload = {"outcome": "refused", "problems": [{**error, "severity": "note"}, error], "summary": ""}
    assert problems({**STATE, "reload": reload}, [], {}, {}, FRONT)[0]["text"].endswith("git.toml:6: instances: `x`")
