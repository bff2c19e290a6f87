"""What a reader of another daemon's files hands back. Only the values; The dialects fill them, as ``config/xinetd/source.py``.

Runs in: the reading child, the operator's commands. Never: reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Protocol

from superd.frozen import frozen
from superd.key_conflicts import fit
from superd.problem import Origin, Problem, warning
from superd.service import Service


@frozen
class Foreign:
    """Services of a foreign file. ``origins`` maps (service id, key) to a place; key ``""`` is the whole service.

    ``comments`` are the comments of each service's entry, ``renamed`` the id that a service has in the file where that was taken.
    ``unserved`` are the `user`, `group` and `server` of entries that have an error, each with its value and place.
    """

    services: tuple[Service, ...] = ()
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    comments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    unserved: tuple[tuple[str, str, Origin], ...] = ()


OF_DISABLED = " (the entry is disabled)"
"""The end of the note about an error in a disabled entry: no service is made of it."""


_KEPT = (
    "user", "group", "umask", "passenv", "stderr", "flags", "log_on_", "server_args", "instances", "per_source", "deny_time",
)  # fmt: skip
"""How keys begin that the other daemons want, or have in their defaults, for every kind of service: no word about these.

The user counts everywhere: the commands of hosts.allow and hosts.deny run as this user.
"""


def fitted(foreign: Foreign) -> Foreign:
    """The same services without the keys that have no effect for their kind, each with a warning at its line.

    What closes a service stays, and is an error later.
    """
    services: list[Service] = []
    problems: dict[Problem, None] = {}
    for service in foreign.services:
        fitting, left_out = fit(service, lambda key: not key.startswith(_KEPT))
        services.append(fitting)
        for item in left_out:
            place = foreign.origins.get((service.name, item.key))
            if place is not None:
                problems[warning(place, item.message, f"remove `{item.key}`")] = None
    return replace(foreign, services=tuple(services), problems=(*foreign.problems, *problems))


class FileReader(Protocol):
    """Reads for a pure parser."""

    def read(self, path: str) -> bytes:
        """The content of a regular file. Raises ``OSError``."""
        ...

    def list(self, path: str) -> list[str]:
        """The names (not paths) in a folder, in any order. Raises ``OSError``."""
        ...


def has_left(files: FileReader, path: str) -> bool:
    """Whether a file that its folder listed a moment ago was deleted or renamed since; a link that dangles is still there."""
    folder, _, name = path.rpartition("/")
    try:
        return name not in files.list(folder or "/")
    except FileNotFoundError:
        return True
    except OSError:
        return False
