"""Problems for machines: JSON, SARIF 2.1.0 for code scanners, and the annotations of GitHub's workflows. Pure.

Runs in: the operator's commands. Never: decides what is a problem.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from superd import __version__
from superd.problem import Problem, Severity

FORMATS = ("text", "json", "sarif", "github")
_SARIF = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def formatted(problems: Sequence[Problem], form: str) -> str:
    """Return all problems in one of ``FORMATS`` but text."""
    match form:
        case "sarif":
            return _sarif(problems)
        case "github":
            return "".join(map(_annotation, problems))
        case _:
            return json.dumps([_plain(problem) for problem in problems], indent=1) + "\n"


def _plain(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.origin.file,
        "line": problem.origin.line,
        "severity": problem.severity.value,
        "message": problem.message,
        "hint": problem.hint,
    }


def _sarif(problems: Sequence[Problem]) -> str:
    results = [
        {
            "ruleId": f"superd/{problem.severity}",
            "level": _SARIF[problem.severity],
            "message": {"text": _with_hint(problem)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _relative(problem.origin.file)},
                        "region": {"startLine": max(1, problem.origin.line)},
                    }
                }
            ],
        }
        for problem in problems
    ]
    rules = [{"id": f"superd/{severity}"} for severity in Severity]
    driver = {"name": "superd check", "version": __version__, "rules": rules}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=1) + "\n"


def _annotation(problem: Problem) -> str:
    place = f"file={_property(_relative(problem.origin.file))}"
    if problem.origin.line:
        place += f",line={problem.origin.line}"
    return f"::{_GITHUB[problem.severity]} {place}::{_data(_with_hint(problem))}\n"


def _with_hint(problem: Problem) -> str:
    return f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message


def _relative(path: str) -> str:
    """Below the working folder without it: what a code host shows is a path of the repository."""
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
