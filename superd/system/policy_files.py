"""hosts.allow, hosts.deny and the files they name, as bytes: read whole or not at all. Never parses them.

A table that changes while it is read is read again; one that was written a moment ago is given time to settle, because
a truncated hosts.deny is an empty one, and an empty one lets everybody in (libwrap does; superd must not).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from superd.policy_snapshot import PolicySnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.policy_snapshot import Look, Signature

MAX_TABLE = 64 << 20
"""Bytes of one table: a million lines of a deny list, and an end to a runaway one."""


def signature(paths: Iterable[str]) -> Signature:
    """How the files look now: one stat(2) each, about 2 µs."""
    found: list[Look] = []
    for path in paths:
        if not path:
            found.append("")
            continue
        try:
            status = os.stat(path)
        except OSError as problem:
            found.append(problem.strerror or "error")
        else:
            found.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))
    return tuple(found)


def read_table(path: str, *, strict: bool) -> bytes | None:
    """The bytes of one table, ``None`` when it is absent or ``path`` is empty.

    ``strict`` (as root) refuses a table that another user owns or that others can write. Raises ``OSError`` for
    anything that is there and is no readable regular file, and ``PermissionError`` for an unsafe one.
    """
    if not path:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"`{path}` is not a regular file")
        if status.st_size > MAX_TABLE:
            raise OSError(f"`{path}` is longer than {MAX_TABLE} bytes")
        if strict and (status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022):
            raise PermissionError(f"`{path}` can be written by others than root: chmod go-w and chown root it")
        return file.read(MAX_TABLE)


def read_tables(allow_path: str, deny_path: str, *, strict: bool, tries: int = 5) -> PolicySnapshot:
    """Both tables at one moment: looked at before and after, read again when they changed meanwhile.

    Raises ``OSError`` when one cannot be read, or keeps changing.
    """
    for _ in range(tries):
        before = signature((allow_path, deny_path))
        allow = read_table(allow_path, strict=strict)
        deny = read_table(deny_path, strict=strict)
        if signature((allow_path, deny_path)) == before:
            return PolicySnapshot(before, allow_path, deny_path, allow, deny)
    raise OSError(f"`{allow_path}` or `{deny_path}` changes while it is read")
