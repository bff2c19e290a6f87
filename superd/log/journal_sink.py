"""journald's socket as a log target: one datagram an entry, or a sealed memory file where it is too large for one.

Runs in the master and in the front. Never blocks. Protocol: systemd's docs, JOURNAL_NATIVE_PROTOCOL.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
from collections.abc import Callable

from superd.log.queue import Queue

PATH = "/run/systemd/journal/socket"
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class JournalSink:
    """Sends without a connection, so that a journald that restarts needs nothing of us. Reports once that it is away."""

    def __init__(self, limit: int, path: str = PATH, on_trouble: Callable[[str], None] | None = None) -> None:
        self.queue = Queue(limit)
        self._path = path
        self._on_trouble = on_trouble
        self._told = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def put(self, record: bytes) -> None:
        """Queue one entry."""
        self.queue.put(record)

    def flush(self) -> bool:
        """Send what journald takes; False if something is left."""
        while len(self.queue):
            try:
                self._send(self.queue.peek())
            except BlockingIOError:
                return False
            except OSError as problem:
                if not self._told and self._on_trouble is not None:
                    self._told = True
                    self._on_trouble(os.strerror(problem.errno or 0))
                return False
            self.queue.pop()
            self._told = False
        return True

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.sendto(entry, self._path)
        except OSError as problem:
            if problem.errno not in _TOO_LARGE:
                raise
            self._send_file(entry)

    def _send_file(self, entry: bytes) -> None:
        fd = os.memfd_create("superd-journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(fd, "wb", closefd=False) as file:
                file.write(entry)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            self._socket.sendmsg([], rights, 0, self._path)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Send what can be sent, and close the socket."""
        self.flush()
        self._socket.close()
