"""The report of an import: every finding once, with its old place."""

from __future__ import annotations

from superd.config.import_report import report
from superd.config.xinetd.source import parse
from tests.config.golden import GOLDEN, load


def test_every_service_and_every_problem_is_in_the_report_with_its_place() -> None:
    for case in sorted((GOLDEN / "xinetd").glob("*.case")):
        foreign = parse("conf", load(case)[0])
        result = report(foreign)
        assert len(result.carried) == len(foreign.services)
        found = {
            (origin, finding.what) for finding in (*result.changed, *result.lost) for origin in (finding.origin, *finding.also)
        }
        assert {(problem.origin, problem.message) for problem in foreign.problems} <= found
        assert all(finding.origin.line or finding.origin.file != "conf" for finding in result.lost)
