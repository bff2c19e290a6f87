"""Whether something changes in the folders of a few files: inotify(7), in one descriptor that can be polled.

Runs in: the master. Standard library only. Says that something changed and not what: the files are read to know that.
"""

from __future__ import annotations

import ctypes
import os

MAX_LINKS = 40
"""Links between a file's name and the file, as the kernel has it."""
_CHANGES = 0x4 | 0x8 | 0x80 | 0x100 | 0x200
"""IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE."""
_EVENTS = 65536


class FileWatch:
    """``fd`` is readable after a change; -1 while nothing is watched, or where the kernel has no room for watches."""

    def __init__(self) -> None:
        self.fd = -1

    def watch(self, paths: tuple[str, ...]) -> None:
        """Watch the folders that these paths lead through by links, and no others. Raises ``OSError`` without room."""
        self.close()
        folders = {folder for path in paths for folder in folders_of(path)}
        if not folders:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise _problem()
        for folder in sorted(folders):
            # A folder that does not exist has no file that could be renewed: the reading of it says so.
            if libc.inotify_add_watch(self.fd, os.fsencode(folder), _CHANGES) < 0 and ctypes.get_errno() == 28:
                raise _problem()

    def drain(self) -> None:
        """Take what was reported."""
        try:
            while os.read(self.fd, _EVENTS):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Watch nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def folders_of(path: str) -> tuple[str, ...]:
    """Return the folders whose entries decide what ``path`` is: its own, and those that links of its lead to."""
    found = [os.path.dirname(path)]
    for _ in range(MAX_LINKS):
        try:
            target = os.readlink(path)
        except OSError:
            break
        path = os.path.join(os.path.dirname(path), target)
        found.append(os.path.dirname(path))
    found.append(os.path.dirname(os.path.realpath(path)))
    return tuple(dict.fromkeys(os.path.normpath(folder) for folder in found if folder))


def _problem() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
