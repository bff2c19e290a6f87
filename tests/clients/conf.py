"""An xinetd.conf for daemons of the field, as their packages ship them: written, served, and read in the log."""

from __future__ import annotations

import os

from tests.daemon_process import Superd


def me() -> str:
    """The user who runs the tests, in xinetd's words."""
    return str(os.geteuid())


def entry(name: str, port: int, server: str, arguments: str = "", *lines: str, user: str = "", kind: str = "stream") -> str:
    """One service on loopback; ``wait`` as the socket type has it in every package."""
    protocol, wait = ("tcp", "no") if kind == "stream" else ("udp", "yes")
    return "\n".join(
        [
            f"service {name}\n{{",
            f"socket_type = {kind}\nprotocol = {protocol}\nwait = {wait}",
            f"type = UNLISTED\nport = {port}\nbind = 127.0.0.1\nuser = {user or me()}\nserver = {server}",
            *([f"server_args = {arguments}"] if arguments else []),
            *lines,
            "}\n",
        ]
    )


def serve(superd: Superd, *entries: str) -> None:
    """Starts superd over such a file."""
    write(superd, *entries)
    superd.start("--config", str(superd.folder / "xinetd.conf"))


def write(superd: Superd, *entries: str) -> None:
    """The file alone, for a reload."""
    defaults = "defaults\n{\nlog_on_success = HOST PID EXIT DURATION\nlog_on_failure = HOST\n}\n"
    fresh = superd.folder / "fresh.conf"
    fresh.write_text(defaults + "".join(entries))
    fresh.rename(superd.folder / "xinetd.conf")


def started(superd: Superd, name: str) -> int:
    """The pid of the next program that was started for the service."""
    return int(superd.event(event="start", service=name)["pid"])


def ended(superd: Superd, name: str, *, well: bool = False) -> int:
    """The pid of the next one that ended; ``well``: with status 0."""
    event = superd.event(event="exit", service=name)
    assert not well or event["status"] == 0, event
    return int(event["pid"])
