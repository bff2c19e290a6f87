"""Problems for machines: what a code scanner and GitHub's workflows read."""

from __future__ import annotations

import json

import pytest

from superd.cli.problem_formats import formatted
from superd.problem import Origin, error, note, warning

PROBLEMS = (
    error(Origin("services.d/a.toml", 3), "unknown key `waite`", "did you mean `wait`?"),
    warning(Origin("hosts.deny"), "100% odd, it is"),
    note(Origin("a,b:c.toml", 1), "so"),
)


def test_json_has_every_part() -> None:
    found = json.loads(formatted(PROBLEMS, "json"))
    assert found[0] == {
        "file": "services.d/a.toml",
        "line": 3,
        "severity": "error",
        "message": "unknown key `waite`",
        "hint": "did you mean `wait`?",
    }


def test_github_gets_one_annotation_a_problem() -> None:
    assert formatted(PROBLEMS, "github").splitlines() == [
        "::error file=services.d/a.toml,line=3::unknown key `waite`%0Ahint: did you mean `wait`?",
        "::warning file=hosts.deny::100%25 odd, it is",
        "::notice file=a%2Cb%3Ac.toml,line=1::so",
    ]


def test_github_gets_no_command_out_of_a_message() -> None:
    hostile = error(Origin("x"), "a\n::set-output name=x::y")
    assert formatted((hostile,), "github").count("\n") == 1


def test_sarif_has_levels_places_and_rules() -> None:
    run = json.loads(formatted(PROBLEMS, "sarif"))["runs"][0]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= rules
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    regions = [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]]
    assert regions == [3, 1, 1]  # a region begins with 1 (SARIF 2.1.0, 3.30.5), a whole file too


def test_a_path_is_the_repositorys(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert "file=a.toml::" in formatted((error(Origin(f"{tmp_path}/a.toml"), "x"),), "github")


def test_no_problem_is_an_empty_document() -> None:
    assert formatted((), "github") == ""
    assert json.loads(formatted((), "sarif"))["runs"][0]["results"] == []
