"""The options that name files, as ``Sources`` with absolute paths: a reload must find them from ``/`` too.

Runs in: the operator's commands, and the master-to-be. Never: reads what is in them.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from superd.load.sources import Sources


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


def named(path: Path, config: Path | None, hosts_allow: str | None, hosts_deny: str | None) -> Sources:
    """What the argument of ``check`` names: a folder, one service's file, superd.toml, another daemon's file, or a table."""
    if path.name.endswith("hosts.allow"):
        return sources_of(config, None, hosts_allow or str(path), hosts_deny)
    if path.name.endswith("hosts.deny"):
        return sources_of(config, None, hosts_allow, hosts_deny or str(path))
    if path.is_dir():
        return sources_of(config, [path], hosts_allow, hosts_deny)
    if _holds_a_service(path):
        single = sources_of(config, None, hosts_allow, hosts_deny)
        return replace(single, single=os.path.abspath(path))
    return sources_of(path, None, hosts_allow, hosts_deny)


def with_candidate(sources: Sources, candidate: Path | None, name: str) -> Sources:
    """The sources with a service's file in the place of the one that is to have its name. Raises ``ValueError``."""
    if candidate is None:
        raise ValueError("`--as` needs `--candidate FILE`")
    if not os.path.isfile(candidate):
        raise ValueError(f"`{candidate}` is not a file")
    stem = (name or candidate.name).removesuffix(".toml")
    if "/" in stem or stem.startswith(".") or not stem:
        raise ValueError(f"`{stem[:80]}` cannot be the name of a service's file: give another with `--as NAME`")
    return replace(sources, candidate=(os.path.abspath(candidate), stem))


def _holds_a_service(path: Path) -> bool:
    """Whether a regular file reads as one service; its reader then reports what else is wrong with it."""
    from superd.config.grammar import grammar_of

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return (
                stat.S_ISREG(os.fstat(descriptor).st_mode) and grammar_of(os.path.abspath(path), file.read(1 << 16)) == "service"
            )
    except OSError:
        return False
