"""What: facts about paths for messages: does it exist, can it run, who can change it.

Runs in: master, cli. Never: opens what it looks at; nothing relies on these answers afterwards.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from superd.system.path_writes import check_log
from superd.system.paths import Trust, Untrusted, changed_by_others, find

if TYPE_CHECKING:
    from collections.abc import Iterable


_MOST_LINKS = 40
"""As the kernel follows (MAXSYMLINKS)."""


def exists(path: str) -> bool:
    """Whether there is something of this name; not a link that leads nowhere."""
    return os.path.exists(path)


def lexists(path: str) -> bool:
    """Whether this name exists, even as a link to nothing."""
    return os.path.lexists(path)


def look(path: str) -> tuple[int, int, int] | None:
    """Return inode, time of change and size of a file; ``None`` if it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def readable(path: str) -> bool:
    """Whether this process may read it."""
    return os.access(path, os.R_OK)


def program_fault(path: str) -> str:
    """Return what is wrong with a program, or ``""``."""
    if not os.path.exists(path):
        return "does not exist"
    if os.path.isdir(path):
        return "is a folder"
    return "" if os.access(path, os.X_OK) else "is not executable"


def folder_fault(path: str) -> str:
    """Return what is wrong with a path that is to be a folder, or nothing."""
    if os.path.isdir(path):
        return ""
    return "is not a folder" if os.path.exists(path) else "does not exist"


def inside(root: str, path: str) -> str:
    """Return where ``path`` is for this process, of one whose / is ``root``: links there lead nowhere else either."""
    left, where, links = path.split("/")[::-1], root, 0
    while left:
        word = left.pop()
        if word == "..":
            where = os.path.dirname(where) if where != root else root
        elif word not in ("", "."):
            following = f"{where}/{word}"
            if os.path.islink(following) and links < _MOST_LINKS:
                links += 1
                target = os.readlink(following)
                where = root if target.startswith("/") else where
                left += target.split("/")[::-1]
            else:
                where = following
    return where


def changed_by_every_user(path: str) -> bool:
    """Whether every user can write the file."""
    return bool(os.stat(path).st_mode & stat.S_IWOTH)


def changed_by(path: str, owners: Iterable[int]) -> str:
    """Return how other users than root and ``owners`` can change the file or a folder above it; ``""`` if none can."""
    trust = Trust(True, frozenset({0, *owners}))
    try:
        place = find(path, trust)
        try:
            fd = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
            try:
                return changed_by_others(fd, os.fstat(fd), trust.owners)
            finally:
                os.close(fd)
        finally:
            place.close()
    except Untrusted as problem:
        return str(problem)
    except OSError:
        return ""  # it does not exist, which is another problem


def folder_changed_by(path: str, owners: Iterable[int]) -> str:
    """The same for a folder, which the answer names."""
    return changed_by(f"{path}/*", owners)


def log_fault(path: str) -> str:
    """Return why root may not append to this log file, or ``""``. Makes nothing."""
    trust = Trust.own(strict=True, others_folders=True)
    try:
        place = find(path, trust)
        try:
            check_log(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False), place, path, trust)
        finally:
            place.close()
    except Untrusted as problem:
        return str(problem)
    except OSError:
        return ""  # it will be made, or the folder does not exist
    return ""


def hidden_by(path: str, uid: int, gid: int) -> str:
    """Return the folder above ``path`` that this user cannot search, by its mode; ``""`` if there is none."""
    try:
        place = find(path, Trust(False))
    except OSError:
        return ""
    folder = place.shown
    place.close()
    while True:
        status = os.stat(folder)
        bit = stat.S_IXUSR if status.st_uid == uid else stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH
        if uid != 0 and not status.st_mode & bit and not _listed(folder):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above


def _listed(path: str) -> bool:
    """Whether an access control list says more than the mode."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False
