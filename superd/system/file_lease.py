"""What: whether another process has a file open for writing, told by a read lease (fcntl(2), F_SETLEASE).

Runs in: master, cli. Never: waits. A table in the middle of being rewritten is empty or half, and an empty hosts.deny admits
every user: so a file is read only while a lease on it is held, and a writer that comes meanwhile waits for the reader.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal


class Unsettled(OSError):
    """A file that another process is writing just now; what it holds is not to be used."""

    def __init__(self, path: str = "") -> None:
        super().__init__(errno.EAGAIN, "another process is writing it", path)

    def __str__(self) -> str:
        return str(self.strerror)


def hold(fd: int) -> bool:
    """Take a read lease that lasts until ``fd`` is closed. Return False where the file system or the owner permits none.

    Raises ``Unsettled`` when the file is open for writing.
    """
    try:
        # The kernel signals the holder when a writer comes. SIGIO would end this process; SIGURG does nothing by default.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as problem:
        if problem.errno == errno.EAGAIN:
            raise Unsettled from None
        return False  # another user's file, NFS, FUSE
    return True


def read_whole(fd: int, limit: int) -> bytes:
    """Read a regular file that no other process is writing, at most ``limit`` + 1 bytes. Closes ``fd``.

    Raises ``OSError``, ``Unsettled``.
    """
    with os.fdopen(fd, "rb") as file:
        hold(fd)
        size = os.fstat(fd).st_size
        # Not the limit at once: with as much room asked for each time, a thousand small files cost 20 ms more.
        data = file.read(min(size, limit) + 1)
        return data if len(data) <= size or len(data) > limit else data + file.read(limit + 1 - len(data))
