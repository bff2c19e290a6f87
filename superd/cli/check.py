"""``superd check``: everything ``run`` would check, and nothing started."""

from __future__ import annotations

import json
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
    from superd.daemon.policy_load import load_policy

    problems: tuple[Problem, ...] = ()
    count = 0
    try:
        registry, problems = load(sources)
        count = len(registry.services)
        policy = registry.settings.policy
        problems = (*problems, *load_policy(policy.hosts_allow, policy.hosts_deny)[1])
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


def _plain(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.origin.file,
        "line": problem.origin.line,
        "severity": problem.severity.value,
        "message": problem.message,
        "hint": problem.hint,
    }
