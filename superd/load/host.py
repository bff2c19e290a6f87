"""What: this host's answers to the questions of ``config/checks``: users, programs, folders.

Runs in: master, cli. Never: decides about a service; changes nothing.
"""

from __future__ import annotations

import json
import os
from functools import cache

from superd.config.checks.services import Host
from superd.load.groups import group_fault
from superd.sandbox import plan_of
from superd.system import accounts, path_facts
from superd.system.credentials import is_root
from superd.system.sandboxing import fault


def this_host() -> Host:
    """Return the answers, each looked for once: a thousand services have a handful of users, and programs."""
    root = is_root()

    @cache
    def program(path: str) -> str:
        fault = path_facts.program_fault(path)
        return fault or ("can be written by every user" if root and path_facts.changed_by_every_user(path) else "")

    @cache
    def socket_folder(path: str, users: tuple[str, ...]) -> str:
        known = [accounts.uid_of(name) for name in users if name and accounts.known_user(name)]
        return path_facts.folder_changed_by(os.path.dirname(path), known) if root else ""

    return Host(
        users=cache(accounts.known_user),
        groups=cache(accounts.known_group),
        program=program,
        readable=path_facts.readable,
        user_names=accounts.user_names(),
        root=root,
        folder=cache(path_facts.folder_fault),
        not_only_root=cache(lambda path: path_facts.changed_by(path, ())),
        own_names=accounts.names_of(os.geteuid()),
        log_file=cache(lambda path: path_facts.log_fault(path) if root else ""),
        sandbox=cache(lambda sandbox: fault(json.loads(plan_of(sandbox, "")))),
        socket_folder=socket_folder,
        inside=path_facts.inside,
        account_in=accounts.account_in,
        group=group_fault(),
    )
