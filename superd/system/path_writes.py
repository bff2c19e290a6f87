"""What: files that a process of root's makes, appends to, replaces or removes, in whatever folder they are.

Runs in: master. Never: writes through a link, or to a file of a user who can change neither it nor its folder.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from superd.system.paths import Untrusted, find, open_at, user_name

if TYPE_CHECKING:
    from superd.system.paths import Place, Trust


def append_to(path: str, trust: Trust, mode: int) -> int:
    """Return a descriptor to append to a log file, made with ``mode`` if it does not exist. Never waits.

    In a folder of another user only a regular file of root's or of that user's, with one name. Raises ``OSError``.
    """
    if (standard := _standard(path)) >= 0:
        return os.dup(standard)
    # O_NONBLOCK: a FIFO that has no reader, or a terminal that hung up, must not hold the process.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
    place = find(path, trust)
    try:
        try:
            fd = os.open(place.name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place.folder)
            os.fchmod(fd, mode)
        except FileExistsError:
            fd = os.open(place.name, flags, dir_fd=place.folder)
        try:
            check_log(os.fstat(fd), place, path, trust)
        except OSError:
            os.close(fd)
            raise
        return fd
    finally:
        place.close()


def _standard(path: str) -> int:
    """The descriptor that a name of superd's own stdout or stderr means: a pipe or a socket has no path to open."""
    names = {"/dev/stdout": 1, "/dev/stderr": 2, "/dev/fd/1": 1, "/dev/fd/2": 2, "/proc/self/fd/1": 1, "/proc/self/fd/2": 2}
    return names.get(path, -1)


def check_log(status: os.stat_result, place: Place, path: str, trust: Trust) -> None:
    """Raise ``Untrusted`` for what is not a log file, or another user's."""
    if not trust.strict or not place.loose:
        if stat.S_ISDIR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise Untrusted(f"`{path}` is not a file")
        if trust.strict and stat.S_ISREG(status.st_mode) and status.st_uid not in trust.owners:
            raise Untrusted(f"`{path}` belongs to {user_name(status.st_uid)}, and its folder does not")
        return
    if not stat.S_ISREG(status.st_mode):
        raise Untrusted(f"`{path}` is not a regular file, and another user can change its folder")
    if status.st_uid not in trust.owners | {os.fstat(place.folder).st_uid}:
        raise Untrusted(f"`{path}` belongs to {user_name(status.st_uid)}, and its folder does not")
    if status.st_nlink != 1:
        raise Untrusted(f"`{path}` is a second name of another file")


def write_new(path: str, data: bytes, trust: Trust, mode: int) -> None:
    """Make a new file in the place of what has this name, a link or another user's file. Raises ``OSError``."""
    place = find(path, trust, follow=False)
    try:
        try:
            os.unlink(place.name, dir_fd=place.folder)
        except FileNotFoundError:
            pass
        _write(place, place.name, data, mode)
    finally:
        place.close()


def replace(path: str, data: bytes, trust: Trust, mode: int) -> None:
    """Put a new file in the place of ``path`` in one step: a reader sees the old one or all of the new. ``OSError``."""
    place = find(path, trust, follow=False)
    try:
        # A name that cannot be guessed: in /tmp another user could be there first and stop this with EEXIST.
        temporary = f".{place.name}.{os.urandom(8).hex()}"
        try:
            _write(place, temporary, data, mode)
            os.replace(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        except OSError as problem:
            _unlink(place, temporary)
            raise OSError(problem.errno, problem.strerror, path) from None
    finally:
        place.close()


def remove_if(path: str, data: bytes, trust: Trust) -> None:
    """Remove the file if it has exactly this content. Raises ``OSError``."""
    place = find(path, trust, follow=False)
    try:
        with os.fdopen(open_at(place.folder, place.name, place.shown, trust), "rb") as file:
            same = file.read(len(data) + 1) == data
        if same:
            os.unlink(place.name, dir_fd=place.folder)
    finally:
        place.close()


def _write(place: Place, name: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=place.folder), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


def _unlink(place: Place, name: str) -> None:
    try:
        os.unlink(name, dir_fd=place.folder)
    except OSError:
        pass  # it was never made
