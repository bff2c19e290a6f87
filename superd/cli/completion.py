"""Completion of names that the running superd knows: services, sessions, bans. Never waits long, never fails.

Runs in: the operator's shell, through the command.
"""

from __future__ import annotations

from typing import Any

PATIENCE = 0.5
"""Seconds: a shell that hangs at a key is worse than no completion."""


def _asked(method: str, **parameters: Any) -> dict[str, Any]:
    from superd.cli.control import Control, Failed

    try:
        with Control(PATIENCE) as control:
            return control.call(method, **parameters)
    except Failed:
        return {}


def service_names(incomplete: str) -> list[str]:
    """Return the services that begin so."""
    names = [str(found["name"]) for found in _asked("GetStatus").get("services", ())]
    return [name for name in names if name.startswith(incomplete)]


def session_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of live sessions that begin so, each with what it is."""
    found = _asked("ListSessions", limit=1000).get("sessions", ())
    ids = [(str(session["id"]), f"{session['service']} {session['peer']}") for session in found]
    return [entry for entry in ids if entry[0].startswith(incomplete)]


def banned(incomplete: str) -> list[str]:
    """Return the prefixes that are banned and begin so."""
    found = [str(ban["prefix"]) for ban in _asked("ListBans", limit=1000).get("bans", ())]
    return [prefix for prefix in found if prefix.startswith(incomplete)]
