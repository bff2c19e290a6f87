"""The syslog daemon's socket as a log target: datagrams as syslog(3) sends them, or a stream where the socket is one.

Runs in the master and in the front. Never blocks; connects again when the daemon is back.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from superd.log.queue import Queue
from superd.system.path_facts import lexists

_GONE = frozenset({errno.ENOTCONN, errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET, errno.EPIPE, errno.EDESTADDRREQ})


class SyslogSink:
    """Calls ``on_trouble`` once for each time the daemon is away."""

    def __init__(self, limit: int, path: str = "/dev/log", on_trouble: Callable[[str], None] | None = None) -> None:
        self.queue = Queue(limit)
        self._path = path
        self._on_trouble = on_trouble
        self._told = False
        self._socket: socket.socket | None = None
        self._stream = False
        self._rest = b""
        self._was_there = False
        self._took = False
        """Whether the daemon took a record at the last ``flush``."""

    @property
    def full(self) -> int:
        """The descriptor that can be written to once the daemon has read more, -1 if there is nothing to wait for.

        A daemon that took nothing at the last ``flush`` counts as none: a wait that ends too early must not become a spin.
        """
        return self._socket.fileno() if self._socket is not None and self._took and len(self.queue) else -1

    @property
    def absent(self) -> bool:
        """Whether this host has no syslog daemon: its socket does not exist, and did not since the sink was made."""
        if self._was_there:
            return False
        self._was_there = lexists(self._path)
        return not self._was_there

    def put(self, record: bytes) -> None:
        """Queue one record, priority included."""
        self.queue.put(record)

    def flush(self) -> bool:
        """Send what the daemon takes; False if something is left."""
        self._took = False
        while len(self.queue):
            if self._socket is None and not self._connect():
                return False
            assert self._socket is not None
            try:
                if self._stream:
                    self._send_part(self._socket)
                    continue
                self._socket.send(self.queue.peek())
            except BlockingIOError:
                return False
            except OSError as problem:
                if not self._failed(problem):
                    return False
                continue
            self.queue.pop()
            self._told, self._took = False, True
        return True

    def _send_part(self, sock: socket.socket) -> None:
        """Send the rest of one record over a stream, where a NUL ends each, as syslog(3) does it."""
        rest = self._rest or self.queue.peek() + b"\0"
        self._rest = rest[sock.send(rest) :]
        self._took = True
        if not self._rest:
            self.queue.pop()
            self._told = False

    def _failed(self, problem: OSError) -> bool:
        """Close the socket; whether the next record can be tried at once."""
        assert self._socket is not None
        self._socket.close()
        self._socket = None
        self._rest = b""  # a record that was sent in part is sent again, whole
        if problem.errno in _GONE:
            return self._connect()
        self.queue.pop()  # the daemon will never take this record: it is too long
        return True

    def _connect(self) -> bool:
        why = 0
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            sock = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
            try:
                sock.connect(self._path)
            except OSError as problem:
                sock.close()
                why = problem.errno or 0
                if why == errno.EPROTOTYPE:
                    continue
                break
            self._socket, self._stream, self._was_there = sock, kind == socket.SOCK_STREAM, True
            return True
        if not self._told and self._on_trouble is not None:
            self._told = True
            self._on_trouble(os.strerror(why))
        return False

    def close(self) -> None:
        """Send what can be sent, and close the socket."""
        self.flush()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
