"""What: the bytes of hosts.allow and hosts.deny become rules. Pure.

Runs in: master and front (both parse the same snapshot), cli. Never: reads a file, compiles or decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.config.hosts.scan import read_rules
from superd.errors import ConfigError
from superd.problem import Origin, Problem, errors
from superd.rule import Option, Policy, Rule

if TYPE_CHECKING:
    from superd.policy_snapshot import PolicySnapshot


def parse_policy(files: PolicySnapshot) -> tuple[Policy, tuple[Problem, ...]]:
    """Return the rules of both tables and what is wrong with them.

    Raises ``ConfigError`` when hosts.deny has an error: half a table is worse than an old one.
    """
    allow, problems = read_rules(files.allow or b"", files.allow_path, "allow")
    if files.closed:
        why = Option("deny", "", Origin(files.deny_path), f"the file cannot be used: {files.closed}")
        everybody = Rule("deny", ("ALL",), ("ALL",), (why,), Origin(files.deny_path))
        return Policy(allow, (everybody,), files.files), problems
    deny, more = read_rules(files.deny or b"", files.deny_path, "deny")
    found = (*problems, *more)
    if broken := errors(found):
        raise ConfigError(broken)
    return Policy(allow, deny, files.files), found
