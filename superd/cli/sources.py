"""The options that name files, as ``Sources`` with absolute paths: a reload must find them from ``/`` too."""

from __future__ import annotations

import os
from pathlib import Path

from superd.load.services import Sources


def sources_of(config: Path | None, services: list[Path] | None, hosts_allow: str | None, hosts_deny: str | None) -> Sources:
    """What was typed, made absolute."""
    return Sources(
        os.path.abspath(config) if config is not None else "",
        tuple(os.path.abspath(folder) for folder in services or ()),
        _absolute(hosts_allow),
        _absolute(hosts_deny),
    )


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(path) if path else path
