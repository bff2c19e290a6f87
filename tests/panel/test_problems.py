"""What needs a person."""

from __future__ import annotations

from superd import certificate
from superd.panel.problems import SOON, problems
from tests.panel.script import FRONT, STATE

NOW = 1_800_000_000.0
DAY = 86400.0
SERVICE = {"name": "tftp", "limit": 40, "refused_hour": 212}


def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    assert problems(STATE, [SERVICE], {}, {}, FRONT, NOW) == []


def test_errors_come_first_and_each_says_what_to_type() -> None:
    state = {
        **STATE,
        "missing": [{"address": "*:873", "service": "rsync", "why": "Address already in use"}],
        "reload": {"outcome": "refused", "problems": [], "summary": "1 problem"},
        "log_lost": 5,
    }
    found = problems(state, [SERVICE], {"tftp": 360.0}, {"git": "no such file"}, FRONT._replace(log_waiting=500, lag=2.0), NOW)
    assert [problem["severity"] for problem in found] == ["error"] * 3 + ["warning"] * 4
    assert all(problem["hint"] for problem in found)
    texts = [problem["text"] for problem in found]
    assert "cannot listen on *:873: Address already in use" in texts
    assert "at its limit of 40 for 6 min, 212 clients refused in the last hour" in texts
    assert "the last reload was refused: 1 problem" in texts


def test_a_missing_front_is_one() -> None:
    assert problems(STATE, [], {}, {}, None, NOW)[0]["severity"] == "error"


def test_a_refused_reload_names_its_first_error() -> None:
    error = {"file": "git.toml", "line": 6, "severity": "error", "message": "instances: `x`", "hint": ""}
    reload = {"outcome": "refused", "problems": [{**error, "severity": "note"}, error], "summary": ""}
    assert problems({**STATE, "reload": reload}, [], {}, {}, FRONT, NOW)[0]["text"].endswith("git.toml:6: instances: `x`")


def test_a_certificate_is_warned_about_when_check_warns() -> None:
    assert SOON == certificate.SOON


def test_a_certificate_is_one_when_it_cannot_be_used_or_ends_soon() -> None:
    def row(service: str, days: float | None, failed: str = "") -> dict[str, object]:
        end = NOW + days * DAY if days is not None else None
        return {"service": service, "end": end, "failed": failed, "file": f"/etc/ssl/{service}.pem"}

    state = {
        **STATE,
        "certificates": [
            row("good", 14.5), row("soon", 13.5), row("over", -0.5),
            row("none", None, "/etc/ssl/none.key: cannot be read: No such file or directory"),
            row("kept", 60.5, "/etc/ssl/kept.pem: it has no certificate in PEM"),
        ],
    }  # fmt: skip
    found = {problem["about"]: (problem["severity"], problem["text"]) for problem in problems(state, [], {}, {}, FRONT, NOW)}
    assert found == {
        "soon": ("warning", "its certificate ends in 13 days"),
        "over": ("error", "its certificate ended 0 days ago: clients refuse it"),
        "none": (
            "error",
            "its certificate cannot be used, and its clients are refused: "
            "/etc/ssl/none.key: cannot be read: No such file or directory",
        ),
        "kept": (
            "error",
            "its new certificate cannot be used, the earlier one is (60 days left): "
            "/etc/ssl/kept.pem: it has no certificate in PEM",
        ),
    }


def test_tables_that_are_not_in_force_and_rules_with_errors_are_ones() -> None:
    one = {"file": "/etc/hosts.allow", "line": 3, "severity": "error", "message": "umask `9`", "hint": "write 022"}
    tables = {"files": [], "problems": [{**one, "severity": "warning"}, one, {**one, "line": 4}], "refused": []}
    (found,) = problems({**STATE, "tables": tables}, [], {}, {}, FRONT, NOW)
    assert (found["text"], found["hint"]) == ("/etc/hosts.allow:3: umask `9`, and 1 more", "write 022")
    refused = {"file": "/etc/hosts.deny", "line": 0, "severity": "error", "message": "cannot be read", "hint": ""}
    (found,) = problems({**STATE, "tables": {"files": [], "problems": [], "refused": [refused]}}, [], {}, {}, FRONT, NOW)
    assert found["text"] == "/etc/hosts.deny: cannot be read: the earlier tables stay in force"
    assert found["hint"]
