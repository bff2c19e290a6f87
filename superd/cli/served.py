"""The services and tables that a configuration serves, for the commands that decide about clients without a daemon.

Runs in: the operator's commands. Never: binds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.cli.problem_text import print_problems
from superd.errors import ConfigError

if TYPE_CHECKING:
    from superd.load.sources import Sources
    from superd.policy_snapshot import PolicySnapshot
    from superd.registry import Registry


def served(sources: Sources) -> tuple[Registry, PolicySnapshot] | None:
    """Return what is served by these files; None, with the problems printed, where they have errors."""
    from superd.load.policy import load_policy
    from superd.load.registry import load

    try:
        registry, _ = load(sources)
        policy = registry.settings.policy
        files, _ = load_policy(policy.hosts_allow, policy.hosts_deny)
    except ConfigError as refused:
        print_problems(refused.problems)
        return None
    return registry, files
