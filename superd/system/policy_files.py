"""What: hosts.allow, hosts.deny and the files they name, as bytes: read whole and settled, or not at all.

Runs in: master, cli; the front looks at their signature. Never: parses them.

A truncated hosts.deny is an empty one, and an empty one admits every client (libwrap's does; superd's must not). So a table that
another process has open for writing is not read, and one that was cut short or disappeared a moment ago is not believed yet.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from superd.policy_snapshot import PolicySnapshot
from superd.system.credentials import is_root
from superd.system.file_lease import Unsettled, read_whole
from superd.system.paths import Trust, find, open_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.policy_snapshot import Look, Signature

MAX_TABLE = 64 << 20
"""Bytes of one table: a million lines of a deny list, and an end to a runaway one."""
CUT_SETTLE = 1.0
"""Seconds that a table must be cut short or absent: editors rename it away first, scripts write it in parts."""
_TRIES = 5


def signature(paths: Iterable[str]) -> Signature:
    """Return how the files look now: one stat(2) each, about 2 µs."""
    looks: list[Look] = []
    for path in paths:
        if not path:
            looks.append("")
            continue
        try:
            status = os.stat(path)
        except OSError as problem:
            looks.append(problem.strerror or "error")
        except ValueError:
            looks.append("NUL byte")
        else:
            looks.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))
    return tuple(looks)


def read_table(path: str, known: bytes | None = None) -> bytes | None:
    """Return the bytes of one table, ``None`` when it is absent or ``path`` is empty.

    As root the table, the folders above it and the links on the way must be root's. Of a table that another process has open
    the whole lines count if they begin with those that are ``known``: a writer that only appends takes no rule away. Raises
    ``OSError`` for what is not a readable regular file, ``Untrusted``, ``Unsettled``.
    """
    if not path:
        return None
    try:
        fd = open_file(path, Trust.own(strict=is_root()))
    except FileNotFoundError:
        return None
    try:
        data = read_whole(fd, MAX_TABLE)
    except Unsettled:
        data = _appended(path, known)
    if len(data) > MAX_TABLE:
        raise OSError(f"`{path}` is longer than {MAX_TABLE} bytes: it has {os.path.getsize(path)}")
    return data


def _appended(path: str, known: bytes | None) -> bytes:
    with os.fdopen(open_file(path, Trust.own(strict=is_root())), "rb") as file:
        data = file.read(MAX_TABLE + 1)
    whole = data[: data.rfind(b"\n") + 1]
    if not known or not whole.startswith(known):
        raise Unsettled(path)
    return whole


def read_tables(allow_path: str, deny_path: str, before: PolicySnapshot | None = None) -> PolicySnapshot:
    """Return both tables at one moment: looked at before and after, read again when they changed meanwhile.

    ``before`` are the tables in force. Raises ``OSError`` when one cannot be read, ``Unsettled`` when one is being written.
    """
    for _ in range(_TRIES):
        look = signature((allow_path, deny_path))
        same = before is not None and (allow_path, deny_path) == (before.allow_path, before.deny_path)
        allow = read_table(allow_path, before.allow if before is not None and same else None)
        deny = read_table(deny_path, before.deny if before is not None and same else None)
        if signature((allow_path, deny_path)) == look:
            if before is not None and same and not before.closed:
                for path, known, now in ((deny_path, before.deny, deny), (allow_path, before.allow, allow)):
                    if lost_end(known, now, denies=path is deny_path):
                        believe_cut(path)
            return PolicySnapshot(look, allow_path, deny_path, allow, deny)
    raise Unsettled(f"{allow_path} or {deny_path}")


def lost_end(known: bytes | None, now: bytes | None, *, denies: bool) -> bool:
    """Return whether a table is what it was, cut short, and what was cut off refuses clients.

    In hosts.allow (not ``denies``) only a rule with `deny` does.
    """
    if not known or len(now or b"") >= len(known) or not known.startswith(now or b""):
        return False
    return denies or b"deny" in known[len(now or b"") :].lower()


def believe_cut(path: str) -> None:
    """Raise ``Unsettled`` unless the file has been so, or its folder without it, for ``CUT_SETTLE`` seconds."""
    place = find(path, Trust(False))
    try:
        changed = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_ctime
    except FileNotFoundError:
        changed = os.fstat(place.folder).st_ctime
    finally:
        place.close()
    if 0 <= time.time() - changed < CUT_SETTLE:  # noqa: TID251 - the times of files are wall time
        raise Unsettled(path)
