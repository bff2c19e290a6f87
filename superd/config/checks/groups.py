"""Services that ask for groups of processes (cgroup v2) where programs can have none. Pure: the host's answer comes in.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.cgroup import GroupPlan, group_plan
from superd.problem import Origin, Problem, error, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from superd.service import Service

_HINT = "give superd a group of its own: Delegate=yes in its unit, or cgroup v2 mounted writable in its container"


def check_groups(
    services: Mapping[str, Service], origins: Mapping[tuple[str, str], Origin], fault: Callable[[GroupPlan], str]
) -> list[Problem]:
    """An error for each service that requires a group; one warning for all others whose keys need one."""
    found: list[Problem] = []
    without: list[Service] = []
    why = ""
    for name, service in services.items():
        plan = None if service.disable else group_plan(service)
        if plan is None or not (wrong := fault(plan)):
            continue
        if "cgroup" in service.require:
            where = origins.get((name, "require")) or origins.get((name, ""), Origin(name))
            found.append(error(where, f'`require = ["cgroup"]`: its programs can have no group: {wrong}', _HINT))
        else:
            without.append(service)
            why = why or wrong
    if without:
        first = without[0].name
        where = origins.get((first, "limits")) or origins.get((first, ""), Origin(first))
        names = ", ".join(f"`{service.name}`" for service in without[:5])
        more = f" and {len(without) - 5} more" if len(without) > 5 else ""
        message = f"no limits by groups of processes for {names}{more}: {why}; rlimits hold, pids and quotas do not"
        found.append(warning(where, message, _HINT))
    return found
