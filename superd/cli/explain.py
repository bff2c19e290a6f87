"""``superd explain``: who decides about a client, and why. The decision is the one a real connection gets."""

from __future__ import annotations

import sys
import time

from superd.cli.diagnostics import print_problems
from superd.cli.match import decide_with_netgroups
from superd.config.read import Sources
from superd.errors import ConfigError
from superd.occupancy import Occupancy
from superd.peer import Peer, peer_from_text
from superd.policy.admission import admit, compile_access
from superd.policy.hosts_access import compile_policy
from superd.policy.sensor import Sensor
from superd.verdict import Verdict


class _Now:
    """The world as admission sees it for a try: nobody banned, nothing running."""

    sensor = Sensor()

    def load(self, now: float) -> float:
        import os

        return os.getloadavg()[0]

    def minute_of_week(self) -> tuple[int, int]:
        local = time.localtime()
        return local.tm_wday, local.tm_hour * 60 + local.tm_min

    def process_limit(self) -> int | None:
        return None


def explain(sources: Sources, name: str, address: str, client: str, user: str) -> int:
    """Prints every step; Returns 0 let in, 1 refused, 64 usage, 78 errors."""
    from superd.daemon.load import load
    from superd.daemon.policy_load import load_policy, parse_policy

    try:
        registry, _ = load(sources)
        settings = registry.settings.policy
        files, _ = load_policy(settings.hosts_allow, settings.hosts_deny)
    except ConfigError as refused:
        print_problems(refused.problems)
        return 78
    service = registry.services.get(name)
    if service is None:
        sys.stderr.write(f"superd: error: no service `{name}`\n")
        return 64
    try:
        peer = peer_from_text(address, name=client, user=user)
    except ValueError:
        sys.stderr.write(f"superd: error: `{address}` is not an address\n")
        return 64
    answer = admit(compile_access(service), peer, Occupancy(), 0.0, _Now())
    if isinstance(answer, Verdict):
        origin = registry.origins.get((name, "only_from")) or registry.origins.get((name, ""))
        sys.stdout.write(f"service {name}: refused: {answer.why()} ({origin})\n")
        return 1
    sys.stdout.write(f"service {name}: its own rules let {address} come\n")
    if "NOLIBWRAP" in service.flags:
        sys.stdout.write("granted: flag NOLIBWRAP, hosts.allow and hosts.deny are not asked\n")
        return 0
    port = next((found.port for found in service.addresses()), 0)
    tables = compile_policy(parse_policy(files)[0])
    server = Peer("unknown", 0, 0, port, name="unknown")
    looks, verdict = decide_with_netgroups(tables, service.daemon, peer, server)
    for look in looks:
        sys.stdout.write(f"{look}\n")
    assert isinstance(verdict, Verdict)  # every name is known, or known to be unknown
    sys.stdout.write(f"{'granted' if verdict.admit else 'refused'}: {verdict.why()}\n")
    return 0 if verdict.admit else 1
