"""``superd check``: everything ``run`` would check, and nothing started."""

from __future__ import annotations

import json
import os
import sys

from superd.cli.diagnostics import print_problems
from superd.config.read import Sources
from superd.counted import counted
from superd.errors import ConfigError
from superd.problem import Problem, Severity

EX_CONFIG = 78


def check(sources: Sources, *, strict: bool, as_json: bool) -> int:
    """Prints what is wrong. Returns 0, 78 with errors, 1 with warnings when ``strict``."""
    from superd.daemon.load import load
    from superd.daemon.policy_load import load_policy, parse_policy
    from superd.policy.lint import Host, lint

    problems: tuple[Problem, ...] = ()
    count = 0
    try:
        registry, problems = load(sources)
        count = len(registry.services)
        policy = registry.settings.policy
        files, more = load_policy(policy.hosts_allow, policy.hosts_deny)
        tables = parse_policy(files)[0]
        host = Host(_program, {service.daemon for service in registry.services.values()})
        problems = (*problems, *more)
        for rules, data in ((tables.allow, files.allow), (tables.deny, files.deny)):
            lines = (data or b"").decode("utf-8", "surrogateescape").split("\n")
            problems = (*problems, *lint(rules, lines, host))
    except ConfigError as refused:
        problems = (*problems, *refused.problems)
    if as_json:
        sys.stdout.write(json.dumps([_plain(problem) for problem in problems], indent=1) + "\n")
    else:
        print_problems(problems)
        if not any(problem.severity is Severity.ERROR for problem in problems):
            sys.stdout.write(f"{counted(count, 'service')}, no errors\n")
    if any(problem.severity is Severity.ERROR for problem in problems):
        return EX_CONFIG
    return 1 if strict and any(problem.severity is Severity.WARNING for problem in problems) else 0


def _program(path: str) -> str:
    if not os.path.exists(path):
        return "does not exist"
    if os.path.isdir(path):
        return "is a directory"
    return "" if os.access(path, os.X_OK) else "is not executable"


def _plain(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.origin.file,
        "line": problem.origin.line,
        "severity": problem.severity.value,
        "message": problem.message,
        "hint": problem.hint,
    }
