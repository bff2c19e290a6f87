"""What: the files and folders that configure a daemon of root's: refused when another user could have written them.

Runs in: master, cli. Never: parses what it reads.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from superd.system.file_lease import read_whole
from superd.system.paths import Trust, Untrusted, find, open_at, open_file, open_folder

MAX_FILE = 1 << 20
"""Bytes of one configuration file."""
_KEPT = 16
"""Folders that are kept open for the next file: those of services, of one service's fragments, of another daemon's files."""


class TrustedFiles:
    """Reads one configuration. As root (``strict``) each file and each folder above it must be root's (or this user's).

    Folders that were looked at are kept open until ``close``: a thousand files of one folder need one look at what is above.
    """

    def __init__(self, *, strict: bool) -> None:
        self._trust = Trust.own(strict=strict)
        self._folders: dict[str, int] = {}

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file of at most 1 MiB. Raises ``OSError``: ``Untrusted``, ``Unsettled`` among them."""
        folder, _, name = path.rpartition("/")
        try:
            fd = open_at(self._open(folder or ("/" if path.startswith("/") else ".")), name, folder, self._trust)
        except OSError as problem:
            if problem.errno != errno.ELOOP:
                raise
            fd = open_file(path, self._trust)  # a link: where it leads to is another folder
        data = read_whole(fd, MAX_FILE)
        if len(data) > MAX_FILE:
            raise Untrusted(f"longer than {MAX_FILE} bytes")
        return data

    def list(self, path: str) -> list[str]:
        """Return the names in one folder. Raises ``OSError``, ``Untrusted``."""
        return os.listdir(self._open(path))

    def close(self) -> None:
        """Closes the folders."""
        for fd in self._folders.values():
            os.close(fd)
        self._folders.clear()

    def _open(self, folder: str) -> int:
        fd = self._folders.get(folder)
        if fd is None:
            fd = open_folder(folder, self._trust)
            if len(self._folders) >= _KEPT:
                os.close(self._folders.pop(next(iter(self._folders))))
            self._folders[folder] = fd
        return fd


@contextmanager
def trusted_files(*, strict: bool) -> Iterator[TrustedFiles]:
    """``TrustedFiles`` for as long as one reading takes."""
    files = TrustedFiles(strict=strict)
    try:
        yield files
    finally:
        files.close()


def masked(path: str, *, strict: bool) -> bool:
    """Whether the file is a link to /dev/null, which takes the file of a lower folder out."""
    try:
        place = find(path, Trust.own(strict=strict))
    except OSError:
        return False
    try:
        return (place.shown, place.name) == ("/dev", "null")
    finally:
        place.close()
