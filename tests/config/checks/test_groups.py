"""Services that ask for groups of processes on a host without: one line, and an error where they are required."""

from __future__ import annotations

from typing import Any

from superd.config.checks.groups import check_groups
from superd.problem import Origin, Problem
from superd.service import Service


def check(fault: str, **services: dict[str, Any]) -> list[Problem]:
    made = {name: Service(name=name, server="/bin/cat", **keys) for name, keys in services.items()}
    return check_groups(made, {("a", "limits"): Origin("a.toml", 3)}, lambda _: fault)


def test_what_the_host_can_do_is_not_a_problem() -> None:
    assert check("", a={"limits": {"pids": 5}}, b={"require": "cgroup"}) == []


def test_one_warning_is_for_all_that_go_on_without() -> None:
    [found] = check("not mounted", a={"limits": {"pids": 5}}, b={"limits": {"memory": 5}}, c={})
    assert found.severity == "warning"
    assert found.line().startswith("a.toml:3: warning: no limits by groups of processes for `a`, `b`: not mounted;")
    [found] = check("no", **{f"s{number}": {"limits": {"pids": 5}} for number in range(7)})
    assert "`s4` and 2 more: no" in found.line()


def test_a_service_that_requires_one_is_an_error() -> None:
    found = check("not mounted", a={"require": "cgroup"}, b={"require": "cgroup", "disable": True})
    assert [problem.severity for problem in found] == ["error"]
    assert "its programs can have no group: not mounted" in found[0].line()
