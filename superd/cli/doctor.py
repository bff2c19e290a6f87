"""``superd doctor``: who holds the ports, and what of this host keeps superd from its work; each with what to do.

Runs in: the operator's commands. Never: changes anything.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from superd.cli.doctor_host import HERE, Host, bad, fine, host_findings, odd
from superd.cli.finding import Finding, Level, write
from superd.errors import ConfigError
from superd.load.sources import Sources
from superd.problem import Origin, Problem, errors
from superd.system.accounts import known_user
from superd.system.credentials import is_root
from superd.system.port_holder import Holder, holder_of

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.registry import Registry

MAX_HOLDERS = 256
"""Addresses that are looked up: each look goes through the descriptors of every process."""
MAX_PROBLEMS = 5
"""Errors of the configuration that are shown; `superd check` has all."""


def doctor(sources: Sources, *, everything: bool, as_json: bool) -> int:
    """Print what was found, problems first. Returns 0, or 1 when something keeps superd from its work."""
    from superd.load.registry import load

    registry: Registry | None = None
    found: list[Finding] = []
    try:
        registry, problems = load(sources, keep_going=True)
        found += _of_files(problems)
    except ConfigError as refused:
        found += _of_files(refused.problems)
    if registry is not None:
        found += ports(registry)
        found += accounts(registry)
    found += [*folders(sources), *host_findings(registry)]
    if as_json:
        sys.stdout.write(json.dumps([finding.plain() for finding in found], indent=1) + "\n")
    else:
        write(found, sys.stdout, everything=everything, width=shutil.get_terminal_size().columns)
    return 1 if any(finding.level is Level.BAD for finding in found) else 0


def _of_files(problems: tuple[Problem, ...]) -> Iterator[Finding]:
    wrong = errors(problems)
    for problem in wrong[:MAX_PROBLEMS]:
        yield bad("files", f"{problem.origin}: {problem.message}", problem.hint or "superd check")
    if len(wrong) > MAX_PROBLEMS:
        yield bad("files", f"{len(wrong) - MAX_PROBLEMS} more errors", "superd check")
    if not wrong:
        yield fine("files", "no errors (`superd check` lists warnings, too)")


def ports(registry: Registry, holder: Callable[[BindAddress], Holder | None] = holder_of) -> Iterator[Finding]:
    """Who holds each address that a service wants, where it is not superd."""
    held = looked = 0
    for name, service in registry.services.items():
        for address in service.addresses():
            if address.port == 0 and not address.path:
                continue  # any free port
            looked += 1
            if looked > MAX_HOLDERS:
                break
            who = holder(address)
            if who is None or who.program.startswith("superd") or who.unit == "superd.service":
                continue
            held += 1
            where = registry.origins.get((name, "listen")) or registry.origins.get((name, "port")) or Origin(name)
            subject = f"port {address.port}" if not address.path else address.path
            yield bad(subject, f"held by {who}; {where} wants it", _release(who))
    if looked > MAX_HOLDERS:
        yield odd(
            "ports", f"only the first {MAX_HOLDERS} addresses were looked up", "superd doctor --services DIR for a part of them"
        )
    if not held:
        yield fine("ports", f"no other program holds one of {min(looked, MAX_HOLDERS)} addresses")


def _release(who: Holder) -> str:
    if who.unit.endswith((".service", ".socket")):
        return f"systemctl disable --now {who.unit.removesuffix('.service')}"
    return f"kill {who.pid}, or give the service another port"


def accounts(registry: Registry) -> Iterator[Finding]:
    """The user of the front, and that of each program; a service whose user does not exist is an error of the files."""
    user = registry.settings.user
    if not is_root():
        yield odd("root", f"superd would run as uid {os.geteuid()}: every program has this user", "sudo superd doctor")
    elif not known_user(user):
        text = f"user `{user}` does not exist: the front has the uid 65533, which other programs may have too"
        yield odd("user", text, f"systemd-sysusers, or: useradd --system --no-create-home {user}")
    else:
        yield fine("user", f"`{user}` exists")
    as_root = sorted(name for name, service in registry.services.items() if service.server and service.user in ("root", "0"))
    if as_root:
        yield fine("root", f"{len(as_root)} services run as root (superd audit names them)")


def folders(sources: Sources, host: Host = HERE) -> Iterator[Finding]:
    """The folders that an installation has, where the command line names no others."""
    if sources.config or sources.services or sources.single:
        return
    for path in ("/etc/superd/services.d", "/run/superd"):
        if host.exists(path):
            yield fine("folders", f"{path} exists")
        else:
            yield odd("folders", f"{path} does not exist", "systemd-tmpfiles --create superd.conf")
