"""``superd show --sandbox``: what a service's program is kept from, what it sees, and how exposed it is.

Runs in: the operator's commands. Starts no service; a child tries whether this host can do what the table says.
"""

from __future__ import annotations

import json
import sys

from superd.cli.problem_text import print_problems
from superd.errors import ConfigError
from superd.load.services import read
from superd.load.sources import Sources
from superd.safe_text import safe
from superd.sandbox import exposure, plan_of
from superd.service import Service
from superd.system.sandboxing import fault


def show_sandbox(sources: Sources, name: str | None) -> int:
    """Print the sandbox of one service, or of all that start a program. Returns 0, 1 for a name that is not served, 78."""
    try:
        registry, _ = read(sources)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    services = [service for key, service in registry.services.items() if name in (None, key) and service.server]
    if not services:
        sys.stderr.write(f"superd: error: no service `{safe(name or '')}` that starts a program\n")
        return 1
    sys.stdout.write("\n".join(text_of(service) for service in services))
    return 0


def text_of(service: Service) -> str:
    """The page of one service: first what its program sees, then each measure with what its absence adds to the score."""
    sandbox = service.sandbox
    user = service.user or "superd's own user"
    if sandbox.users:
        user = f"a user of its own, {sandbox.users[1]} to {sandbox.users[-1]}"
    lines = [f"{service.name}: {service.server} as {user}"]
    lines += [f"  processes    {'its own' if sandbox.private_pids else 'those of the host'}"]
    lines += [f"  network      {'its connection, and a loopback of its own' if sandbox.private_network else 'that of the host'}"]
    if sandbox.root:
        lines += [f"  /            {safe(sandbox.root, 200)}"]
    tmp = f"empty, {sandbox.private_tmp >> 10} KiB each, gone when it ends" if sandbox.private_tmp else "those of the host"
    lines += [f"  /tmp         {tmp}{', with /var/tmp and /dev/shm' if sandbox.private_tmp else ''}"]
    for title, words in (("read-only", sandbox.read_only), ("writable", sandbox.read_write), ("hidden", sandbox.hide)):
        lines += [f"  {title:<12} {safe(' '.join(words), 500)}"] if words else []
    if sandbox.landlock:
        lines += [f"  opens alone  {safe(' '.join(sandbox.landlock), 500)}"]
    if sandbox.capabilities is not None:
        lines += [f"  capabilities at most {' '.join(sandbox.capabilities) or 'none'}"]
    if sandbox.ambient:
        lines += [f"  has          {' '.join(sandbox.ambient)}"]
    if sandbox.call_groups:
        lines += [f"  refused      {' '.join(sandbox.call_groups)}"]
    if sandbox.any and (wrong := fault(json.loads(plan_of(sandbox, service.name)))):
        lines += [f"  this host    cannot do it: {wrong}"]
    rows, score = exposure(sandbox, root=service.user in ("", "root", "0"))
    lines += ["", *(f"  {'+' if kept else '-'} {title:<52}{'' if kept else f'{weight:g}':>4}" for title, kept, weight in rows)]
    lines += [f"  exposure {score:g} of 10 (0 is the least)", ""]
    return "\n".join(lines)
