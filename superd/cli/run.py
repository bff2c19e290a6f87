"""``superd run``: reads, then serves; prints a table of what listens where.

Runs in: the master-to-be. Never: returns before superd ends, unless it cannot serve.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from superd.address import BindAddress, SocketType
from superd.cli.problem_text import print_problems
from superd.cli.table import one
from superd.load.sources import Sources
from superd.net.inherited import inherited_fds
from superd.system.credentials import is_root
from superd.system.descriptors import close_unknown
from superd.system.outside import open_null
from superd.system.path_writes import replace
from superd.system.paths import Trust
from superd.system.successor import handed_on

if TYPE_CHECKING:
    from superd.problem import Problem
    from superd.registry import Registry
    from superd.service import Service

DUMP = "/run/superd.dump"
_USUAL = 80
"""Columns of a terminal that does not say its width."""
_WIDEST = 40
_NARROWEST = 8
"""Characters that a column has at most, and what stays of one that is cut."""


def run(sources: Sources, *, keep_going: bool = False, dump_path: str = "") -> int:
    """Serves until told to stop. Returns the exit status: 0, or 78 for a configuration with errors."""
    close_unknown(own_fds())
    from superd.daemon.manner import Manner
    from superd.daemon.start import run as serve

    def read() -> tuple[Registry, tuple[Problem, ...]]:
        from superd.load.registry import load

        return load(sources, keep_going=keep_going)

    return serve(
        read,
        print_problems=print_problems,
        on_ready=greet,
        on_dump=lambda data: write_dump(dump_path, data),
        manner=Manner(keep_going=keep_going, configuration=repr(sources)),
    )


def own_fds() -> set[int]:
    """Return the descriptors that this process was started with and that are superd's."""
    table = handed_on(os.environ)
    return {*inherited_fds(os.environ), *(table["fds"] if table is not None else ())}


def default_dump() -> str:
    """Where SIGUSR1 writes: /run for root, else the user's runtime folder or /tmp."""
    if os.geteuid() == 0:
        return DUMP
    return os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/tmp"), f"superd.{os.getuid()}.dump")  # noqa: S108


def write_dump(path: str, data: bytes) -> None:
    """Replaces ``path`` (``""``: the default): readable by its owner alone, never through a link. Raises ``OSError``."""
    path = path or default_dump()
    replace(path, data, Trust.own(strict=is_root(), others_folders=True), 0o600)


def greet(registry: Registry, missing: dict[BindAddress, str]) -> None:
    """Print the table if stdout is a terminal; elsewhere stdout may belong to the log. A log set to JSON has JSON alone."""
    if os.isatty(1) and registry.settings.log.format != "json":
        print_table(registry, missing)


def print_table(registry: Registry, missing: dict[BindAddress, str]) -> None:
    """Print what listens where, and a command to try for each, to stdout. ``missing`` addresses are not open, and why."""
    rows = [("SERVICE", "ADDRESS", "RUNS", "TRY")]
    for name, service in sorted(registry.services.items()):
        for address in service.addresses():
            why = missing.get(address)
            rows.append(
                (
                    name,
                    address.describe().removesuffix("/stream"),
                    what_runs(service),
                    how_to_try(address, service) if why is None else f"({why})",
                )
            )
    lines = fitted(rows, _columns())
    lines.append(f"superd {os.getpid()} serves {registry.described(missing)}; Ctrl-C stops it")
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        # Closed, or its reader has ended: the table is a courtesy. What is left in the buffer would be an error at exit.
        sys.stdout = os.fdopen(open_null(), "w", encoding="ascii")


def fitted(rows: Sequence[tuple[str, str, str, str]], most: int) -> list[str]:
    """Return the table in ``most`` columns: a long program is cut first, then a long reason, never a command."""
    name, address, try_it = (min(max(len(row[column]) for row in rows), _WIDEST) for column in (0, 1, 3))
    runs = min(max(len(row[2]) for row in rows), max(_NARROWEST, most - name - address - try_it - 6))
    left = max(_NARROWEST, most - name - address - runs - 6)
    return [
        f"{one(row[0], name):{name}}  {one(row[1], address):{address}}  {one(row[2], runs):{runs}}  {one(row[3], left)}".rstrip()
        for row in rows
    ]


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns or _USUAL
    except OSError:
        return _USUAL


def what_runs(service: Service) -> str:
    """The handler in a few words."""
    if service.server:
        return " ".join((service.server, *service.server_args))
    if service.redirect:
        return f"-> {service.redirect}"
    return "sensor" if service.sensor else f"internal {service.internal}"


def how_to_try(address: BindAddress, service: Service) -> str:
    """A command that talks to the address."""
    if address.path:
        return f"nc -U {address.path}"
    host = address.host or "127.0.0.1"
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    if address.socket_type is SocketType.DGRAM:
        return f"nc -u {host} {address.port}"
    # Only to who reads: a program that ends with our line unread resets the connection, and its answer may be lost.
    reads = service.internal in ("echo", "discard")
    return f"echo hi | nc -N {host} {address.port}" if reads else f"nc {host} {address.port}"
