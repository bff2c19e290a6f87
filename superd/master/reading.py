"""What a start or a reload reads, as one value: services, tables, and which launcher starts what.

Runs in: master's reading child. The master loads it once it serves, so that later readings are of its own version.
Never: raises for anything that files contain: the answer is ``Unusable`` then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.config.hosts.policy import parse_policy
from superd.errors import ConfigError
from superd.load.env_files import variables_of
from superd.load.groups import group_fault
from superd.load.operators import operators_of
from superd.load.policy import UnusableTables, load_policy, load_settled_policy
from superd.load.privilege import front_of
from superd.master.assignment import Assignment, assign
from superd.master.configuration import Configuration, Tables, Unusable, unusable
from superd.master.lanes import LANES
from superd.problem import Origin, Problem, error, note
from superd.system.accounts import system_accounts
from superd.system.credentials import is_root
from superd.system.file_lease import Unsettled

if TYPE_CHECKING:
    from superd.master.configuration import Read
    from superd.policy_snapshot import PolicySnapshot
    from superd.registry import Registry


def read_configuration(read: Read, *, keep_going: bool = False, before: PolicySnapshot | None = None) -> Configuration | Unusable:
    """Return what the files say now. ``before`` are the tables in force: they stay while another process writes the files."""
    try:
        registry, problems = read()
        policy, more = _tables(registry, before, keep_going=keep_going)
        operators = operators_of(registry.settings, registry.services.values())
        return Configuration(registry, problems, policy, more, _assignment(registry, policy), operators)
    except ConfigError as refused:
        return Unusable(refused.problems, settings=refused.settings)
    except Exception as fault:  # noqa: BLE001 - whatever bytes of files make a reader raise, it refuses these files alone
        return unusable(fault)


def _tables(registry: Registry, before: PolicySnapshot | None, *, keep_going: bool) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    settings = registry.settings.policy
    front = front_of(registry.settings, registry.services.values())
    if before is None:
        return load_settled_policy(settings.hosts_allow, settings.hosts_deny, keep_going=keep_going, front=front)
    try:
        return load_policy(settings.hosts_allow, settings.hosts_deny, before=before, front=front)
    except Unsettled as problem:
        where = Origin(str(problem.filename or settings.hosts_deny))
        if (settings.hosts_allow, settings.hosts_deny) != (before.allow_path, before.deny_path):
            raise ConfigError((error(where, str(problem)),)) from None
        # The front sees by their look that the files have changed, and asks for them.
        return before, (note(where, f"{problem}: the tables in force stay until it is done"),)


def read_tables(registry: Registry, before: PolicySnapshot) -> Tables | Unusable:
    """Return the policy's tables as they are now, for these services. ``before`` are those in force."""
    settings = registry.settings.policy
    try:
        front = front_of(registry.settings, registry.services.values())
        policy, problems = load_policy(settings.hosts_allow, settings.hosts_deny, before=before, front=front)
        return Tables(policy, problems, _assignment(registry, policy))
    except Unsettled as problem:
        return Unusable((note(Origin(str(problem.filename or settings.hosts_deny)), str(problem)),), unsettled=True)
    except UnusableTables as refused:
        return Unusable(refused.problems, refused.looked_at)
    except ConfigError as refused:
        return Unusable(refused.problems)
    except Exception as fault:  # noqa: BLE001 - as above
        return unusable(fault)


def _assignment(registry: Registry, policy: PolicySnapshot) -> Assignment:
    rules = parse_policy(policy)[0]
    root, accounts = is_root(), system_accounts()
    return assign(
        registry,
        rules,
        accounts,
        os.environ,
        root=root,
        lanes=LANES,
        own=accounts.user(str(os.geteuid())),
        files_of=lambda service: variables_of(service, root=root),
        group_fault=group_fault(),
    )
