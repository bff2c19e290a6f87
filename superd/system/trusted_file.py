"""Files that configure root's daemon: opened once, looked at by descriptor, refused when others could have written them.

Part of the I/O half of ``config/`` beside ``read.py``.
"""

from __future__ import annotations

import errno
import os
import stat

MAX_FILE = 1 << 20
"""Bytes of one configuration file."""


class Untrusted(OSError):
    """A file that is there and must not be used; the text says why."""


def read_trusted(path: str, *, root: bool, safe: set[str] | None = None) -> bytes:
    """The bytes of a regular file of at most 1 MiB. Raises ``OSError``, ``Untrusted`` for what is unsafe.

    As root the file and every folder above it must belong to root (or to this user) and not be writable by others;
    a sticky folder such as /tmp is no exception, because the file's own owner is checked. ``safe`` are folders that were
    looked at for another file a moment ago, and is added to.
    """
    # O_NONBLOCK: a FIFO in services.d must not stop a reload.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)  # open() takes no folder, and would leave it open
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise Untrusted("not a regular file")
    with open(descriptor, "rb") as file:
        if status.st_size > MAX_FILE:
            raise Untrusted(f"longer than {MAX_FILE} bytes")
        if root:
            _check_owner(status, "the file")
            folder = os.path.dirname(os.path.realpath(path) if os.path.islink(path) else path)
            if safe is None or folder not in safe:
                _check_folders(os.path.realpath(folder))
                if safe is not None:
                    safe.add(folder)
        # Not MAX_FILE at once: with as much room asked for each time, a thousand small files cost 20 ms more.
        data = file.read(status.st_size + 1)
        return data if len(data) <= status.st_size else data + file.read(MAX_FILE - status.st_size)  # it grows just now


def _check_owner(status: os.stat_result, what: str) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise Untrusted(f"{what} belongs to uid {status.st_uid}, not to root")
    if status.st_mode & 0o022:
        raise Untrusted(f"{what} can be written by others (mode {stat.S_IMODE(status.st_mode):04o})")


def _check_folders(folder: str) -> None:
    while True:
        status = os.stat(folder)
        sticky = status.st_mode & stat.S_ISVTX
        if status.st_uid not in (0, os.geteuid()) or (status.st_mode & 0o022 and not sticky):
            raise Untrusted(f"the folder `{folder}` can be written by others")
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent
