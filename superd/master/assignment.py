"""Which launcher starts what: services, rules and accounts become an assignment. Pure except the accounts it gets.

Runs in: master, in its reading child.
Never: starts a launcher or numbers one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from superd.cgroup import GroupPlan, group_plan
from superd.frozen import frozen
from superd.launch_spec import Account, Accounts, LaunchSpec, Profile, launch_spec, profile_of
from superd.rule import identity
from superd.rule_block import not_plain

if TYPE_CHECKING:
    from superd.registry import Registry
    from superd.rule import Policy
    from superd.service import Service

_KEPT_BY_LAUNCHERS = frozenset({"spawn", "twist", "aclexec", "setenv", "umask", "nice"})
"""Options of rules that a launcher carries out: a request names them by digest."""

ROOT = Account("root", 0, 0, "/root")
Key = tuple[Profile, int]
"""A launcher: its profile, and which of the launchers of this profile it is."""


@frozen
class Assignment:
    """What each launcher may start, and who is asked for what."""

    specs: dict[Key, dict[str, LaunchSpec]] = field(default_factory=dict)
    options: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Options of rules by digest: keyword and text."""
    launchers_of: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    """By service."""
    launcher_for: dict[tuple[str, str], Key] = field(default_factory=dict)
    """By the (user, group) that a rule names."""
    command_launcher: Key | None = None
    users: dict[Key, str] = field(default_factory=dict)
    """Whose programs a launcher starts, for its title."""
    groups: dict[str, GroupPlan] = field(default_factory=dict)
    """By service: the groups of processes of its programs."""
    ungrouped: dict[str, str] = field(default_factory=dict)
    """By service: why its programs have no groups, which its keys ask for."""
    unknown: tuple[str, ...] = ()
    """Users and groups of rules that this host does not know."""


def assign(
    registry: Registry,
    rules: Policy,
    accounts: Accounts,
    environ: Mapping[str, str],
    *,
    root: bool,
    lanes: int,
    own: Account = ROOT,
    files_of: Callable[[Service], Mapping[str, str]] = lambda _: {},
    group_fault: Callable[[GroupPlan], str] = lambda _: "",
) -> Assignment:
    """Return the assignment. Each profile has up to ``lanes`` launchers. Raises ``KeyError`` for a service's unknown user.

    ``own`` is who superd is itself, ``files_of`` gives the variables of a service's ``env_file``, ``group_fault`` says why its
    programs can have no groups.
    """
    found = Assignment()
    for name, service in registry.services.items():
        plan = group_plan(service)
        if plan is not None and (why := group_fault(plan)):
            found.ungrouped[name] = why
        elif plan is not None:
            found.groups[name] = plan
    variables, files = dict(environ), {name: files_of(service) for name, service in registry.services.items()}
    for name, service in registry.services.items():
        plan = found.groups.get(name)
        profile = profile_of(service, accounts, root=root, grouped=plan is not None)
        account = accounts.user(service.user) if service.user and root else own
        if root and service.sandbox.users:
            account = Account("nobody", profile.uid, profile.gid)
        spec = launch_spec(service, profile, variables, account, files[name], plan)
        # A `wait` service has one program at a time; the programs of a sandbox share its namespaces.
        alone = service.wait or service.sandbox.namespaces
        keys = tuple((profile, lane) for lane in range(1 if alone else lanes))
        for key in keys:
            found.specs.setdefault(key, {})[name] = spec
            found.users.setdefault(key, service.sandbox.dynamic_user or service.user or "root" if root else "")
        found.launchers_of[name] = keys
    unknown: dict[str, None] = {}
    for rule in (*not_plain(rules.allow), *not_plain(rules.deny)):
        for option in rule.options:
            if option.name in _KEPT_BY_LAUNCHERS and not option.error:
                found.options[option.digest] = (option.name, option.value)
        user, group = identity(rule.options)
        if not root or not (user or group) or (user, group) in found.launcher_for:
            continue
        try:
            account = accounts.user(user) if user else Account("root", 0, 0)
            gid = accounts.group(group) if group else account.gid
        except KeyError as problem:
            unknown[str(problem.args[0])] = None
            continue
        profile = Profile(account.uid, gid, accounts.groups_of(account.name, gid) if user else ())
        specs = found.specs.setdefault((profile, 0), {})
        for name, service in registry.services.items():
            # A user of a rule gets no program of a service with a sandbox: this launcher is not in it.
            if not service.sandbox.any:
                specs[name] = launch_spec(service, profile, variables, account, files[name], found.groups.get(name))
        found.launcher_for[user, group] = (profile, 0)
        found.users.setdefault((profile, 0), account.name)
    command = None
    if registry.settings.policy.hook_user and root:
        account = accounts.user(registry.settings.policy.hook_user)
        command = (Profile(account.uid, account.gid), 0)
        found.specs.setdefault(command, {})
        found.users.setdefault(command, account.name)
    return dataclasses.replace(found, command_launcher=command, unknown=tuple(unknown))
