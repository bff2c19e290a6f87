"""Completion of names: what the running superd knows, service files, keys, kinds. Never waits long, never fails.

Runs in: the operator's shell, through the command.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from superd.load.sources import OF_PACKAGES, OPERATORS_OWN

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


def configured_names(incomplete: str) -> list[str]:
    """Return the services that begin so: of the running superd, and those that have a file in the host's folders."""
    names = set(service_names(incomplete))
    for folder in (OF_PACKAGES, OPERATORS_OWN):
        try:
            files = os.listdir(folder)
        except OSError:
            continue
        names |= {file.removesuffix(".toml") for file in files if file.endswith(".toml") and file.startswith(incomplete)}
    return sorted(names)


def key_names(incomplete: str) -> list[str]:
    """Return the keys of the files that begin so."""
    from superd.cli.key_facts import all_keys

    return [key.path for key in all_keys() if key.path.startswith(incomplete)]


def words(*given: str) -> Callable[[str], list[str]]:
    """Return the completion of a choice."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in given if word.startswith(incomplete)]

    return complete
