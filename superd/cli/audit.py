"""``superd audit``: each listener, its user, who can reach it, and what is unusual: the list that an auditor asks for.

Runs in: the operator's commands. Never: says what a program does with its clients; `superd explain` decides about one client.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from superd.cli.served import served
from superd.exit_status import EX_CONFIG
from superd.frozen import frozen
from superd.load.sources import Sources
from superd.problem import Origin
from superd.safe_text import safe

if TYPE_CHECKING:
    from superd.policy.hosts_access import Tables
    from superd.registry import Registry
    from superd.service import Service

CIS = {
    "chargen": "2.1.1",
    "daytime": "2.1.2",
    "discard": "2.1.3",
    "echo": "2.1.4",
    "time": "2.1.5",
    "shell": "2.1.6",
    "login": "2.1.6",
    "exec": "2.1.6",
    "talk": "2.1.7",
    "ntalk": "2.1.7",
    "telnet": "2.1.8",
    "tftp": "2.1.9",
}
"""The points of the CIS Distribution Independent Linux Benchmark (2.0.0) that speak of services of an inetd, by their names."""
CIS_SUPERSERVER = "2.1.10"
"""The point that wants no superserver at all."""
PLAIN = frozenset(
    {"telnet", "ftp", "shell", "login", "exec", "finger", "pop3", "pop-3", "imap", "imap2", "rsync", "nntp", "swat"}
)
"""Services whose clients send passwords or data that any host on the way can read."""
AMPLIFIERS = frozenset({"chargen", "echo", "daytime", "time"})
LOOPBACK = ("127.", "::1")


@frozen
class Row:
    """One service as an auditor sees it. ``unusual`` are sentences; ``cis`` points of the benchmark."""

    service: str
    listeners: tuple[str, ...]
    runs: str
    user: str
    reach: str
    limits: str
    unusual: tuple[str, ...]
    cis: tuple[str, ...]
    where: str


def audit(sources: Sources, *, as_json: bool) -> int:
    """Print every service. Returns 0, 78 for errors."""
    from superd.config.hosts.policy import parse_policy
    from superd.policy.hosts_access import compile_policy

    found = served(sources)
    if found is None:
        return EX_CONFIG
    registry, files = found
    tables = compile_policy(parse_policy(files)[0])
    rows = [row_of(registry, service, tables) for service in registry.services.values()]
    if as_json:
        sys.stdout.write(
            json.dumps({"cis_superserver": CIS_SUPERSERVER, "services": [asdict(row) for row in rows]}, indent=1) + "\n"
        )
    else:
        sys.stdout.write(text_of(rows))
    return 0


def text_of(rows: list[Row]) -> str:
    """The rows as blocks of lines, those with something unusual first."""
    parts: list[str] = []
    for row in sorted(rows, key=lambda row: (not row.unusual, row.service)):
        facts = {"listens": " ".join(row.listeners), "runs": row.runs, "user": row.user, "reach": row.reach, "limits": row.limits}
        lines = [f"{safe(row.service)}  ({safe(row.where)})"]
        lines += [f"  {title:<8}{safe(text, 2000)}" for title, text in facts.items() if text]
        lines += [f"  ! {safe(text, 2000)}" for text in row.unusual]
        if row.cis:
            lines.append(f"  CIS     {', '.join(row.cis)}: such a service should not run")
        parts.append("\n".join(lines) + "\n")
    odd = sum(bool(row.unusual) for row in rows)
    services = "1 service" if len(rows) == 1 else f"{len(rows)} services"
    end = f"{services}, {odd} with something unusual. CIS {CIS_SUPERSERVER} asks whether a superserver is needed at all.\n"
    return "\n".join([*parts, end])


def row_of(registry: Registry, service: Service, tables: Tables) -> Row:
    """What an auditor asks about one service."""
    addresses = service.addresses()
    local = bool(addresses) and all(a.path or a.host.startswith(LOOPBACK) for a in addresses)
    open_to_all = not local and _open(service) and not service.sensor and not _guarded(service, tables)
    place = registry.origins.get((service.name, "")) or Origin(service.name)
    return Row(
        service.name,
        tuple(f"{a}/udp" if a.socket_type == "dgram" and not a.path else str(a) for a in addresses) or ("through tcpmux",),
        _runs(service),
        service.user or ("" if not service.server else "superd's own"),
        _reach(service, tables, local=local, open_to_all=open_to_all),
        _limits(service),
        tuple(_unusual(service, open_to_all=open_to_all, local=local)),
        tuple([CIS[service.service]] if service.service in CIS else []),
        str(place),
    )


def _runs(service: Service) -> str:
    if service.sensor:
        return "nothing: a sensor"
    if service.redirect:
        return f"a relay to {service.redirect}"
    if service.internal:
        return f"internal `{service.internal}`"
    return " ".join((service.server, *service.server_args))


def _open(service: Service) -> bool:
    """Whether the service's own lists leave out no client."""
    return service.only_from is None or any(word in ("ALL", "0.0.0.0/0", "::/0", "0.0.0.0") for word in service.only_from)  # noqa: S104


def _guarded(service: Service, tables: Tables) -> bool:
    """Whether a rule of hosts.deny, or one that refuses in hosts.allow, may keep a client of this daemon away."""
    from superd.policy.hosts_access import decide_unseen

    return "NOLIBWRAP" not in service.flags and not decide_unseen(tables, service.daemon).admit


def _reach(service: Service, tables: Tables, *, local: bool, open_to_all: bool) -> str:
    parts = []
    if local:
        parts.append("this host only")
    elif open_to_all:
        parts.append("every client")
    if service.only_from is not None:
        parts.append(f"only_from {' '.join(service.only_from[:6]) or 'no client'}{' …' if len(service.only_from) > 6 else ''}")
    if service.no_access:
        parts.append(f"not {' '.join(service.no_access[:6])}{' …' if len(service.no_access) > 6 else ''}")
    if "NOLIBWRAP" in service.flags:
        parts.append("hosts.allow and hosts.deny are not asked")
    elif _guarded(service, tables):
        parts.append(f"hosts.allow and hosts.deny, as `{service.daemon}`")
    if service.access_times:
        parts.append(f"at {' '.join(service.access_times)}")
    return "; ".join(parts)


def _limits(service: Service) -> str:
    found = [
        f"{key} {value}"
        for key, value in (("instances", service.most_instances), ("per_source", service.per_source))
        if value is not None
    ]
    if service.cps is not None:
        found.append(f"cps {service.cps[0]:g}")
    found += [f"{key} {value:g} s" for key in ("idle", "session") if (value := getattr(service.limits, key)) is not None]
    return ", ".join(found)


def _unusual(service: Service, *, open_to_all: bool, local: bool) -> Iterator[str]:
    if service.server and service.user in ("root", "0", ""):
        yield "its program runs as root" if service.user else "its program runs as superd's own user"
    if open_to_all:
        yield "every client that reaches the port is served: no only_from, and no rule of hosts.deny names it"
    if service.service in PLAIN and not local:
        yield f"`{service.service}` is not encrypted: passwords and data can be read on the way"
    if service.internal in AMPLIFIERS and service.socket_type == "dgram" and not local:
        yield "it answers datagrams of forged senders, who can make it flood others"
    if service.server and service.most_instances is None and not service.hands_over:
        yield "the number of its programs has no limit: set `instances`"
    if service.server and not service.hands_over and service.limits.session is None and service.limits.idle is None:
        yield "a client may stay for ever: set `limits.idle` or `limits.session`"
    if service.hands_over:
        yield "its program accepts the clients itself: superd's lists, limits and log do not see them"
    if "*" in service.passenv:
        yield "its program gets superd's whole environment"
    if service.stderr == "socket" and service.server:
        yield "what its program writes to stderr goes to the client"
