"""Where lines go: a descriptor, syslog, a file with limits. None of them ever blocks; what waits is bounded and counted."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections import deque
from collections.abc import Callable

MAX_LINE = 2048
"""Bytes of one record; longer ones are cut."""

_GONE = frozenset({errno.ENOTCONN, errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET, errno.EPIPE, errno.EDESTADDRREQ})


class Queue:
    """At most ``limit`` records; what does not fit is counted, and the count is told when there is room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: bytes) -> None:
        """Queues one record, or counts it as lost."""
        if len(self._lines) >= self._limit:
            self.dropped += 1
        else:
            self._lines.append(line)

    def peek(self) -> bytes:
        """The oldest record."""
        return self._lines[0]

    def pop(self) -> None:
        """The oldest record was taken."""
        self._lines.popleft()

    def take(self, count: int) -> bytes:
        """At most the ``count`` oldest records, joined; they are the caller's now."""
        lines = self._lines
        if len(lines) <= count:
            whole = b"".join(lines)
            lines.clear()
            return whole
        return b"".join([lines.popleft() for _ in range(count)])


class StreamSink:
    """A descriptor: stderr or a log file. A record is written whole or, after a short write, completed first."""

    def __init__(self, fd: int, limit: int, *, hard: int = 0, on_full: Callable[[str], None] | None = None) -> None:
        self.fd = fd
        self.queue = Queue(limit)
        self._rest = b""
        self._hard = hard
        self._on_full = on_full
        self._told = False
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)
        # A pipe or terminal that nobody reads must not stop us. It is shared, so the mode is put back at the end.
        self._was_blocking = os.get_blocking(fd)
        if not self._regular:
            os.set_blocking(fd, False)

    def put(self, line: bytes) -> None:
        """Queues one line, newline included."""
        self.queue.put(line)

    def flush(self) -> bool:
        """Writes what the descriptor takes; False when something is left."""
        while self._rest or len(self.queue):
            if not self._rest:
                if self._hard and os.fstat(self.fd).st_size >= self._hard:
                    self._full("reached its hard limit")
                    return False
                self._rest = self.queue.take(256)
            before = os.fstat(self.fd).st_size if self._regular else 0
            try:
                written = os.write(self.fd, self._rest)
            except BlockingIOError:
                return False
            except OSError as problem:
                self._full(os.strerror(problem.errno or 0))
                return False
            if written < len(self._rest) and self._regular:
                # A disk that is full takes half a record: cut it off, it comes again whole.
                whole = self._rest.rfind(b"\n", 0, written) + 1
                if whole < written:
                    os.ftruncate(self.fd, before + whole)
                self._rest = self._rest[whole:]
                self._full("no space left")
                return False
            self._rest = self._rest[written:]
            if self._told and not self._rest:
                self._told = False
        return True

    def _full(self, why: str) -> None:
        if not self._told and self._on_full is not None:
            self._told = True
            self._on_full(why)

    def close(self) -> None:
        """Writes what can be written and puts the descriptor's mode back."""
        self.flush()
        if not self._regular:
            os.set_blocking(self.fd, self._was_blocking)


class SyslogSink:
    """/dev/log, datagram by datagram, as syslog(3) sends; connects again when the daemon comes back."""

    def __init__(self, limit: int, path: str = "/dev/log") -> None:
        self._path = path
        self.queue = Queue(limit)
        self._socket: socket.socket | None = None

    def put(self, record: bytes) -> None:
        """Queues one record, priority included."""
        self.queue.put(record)

    def flush(self) -> bool:
        """Sends what the daemon takes; False when something is left."""
        while len(self.queue):
            if self._socket is None and not self._connect():
                return False
            assert self._socket is not None
            try:
                self._socket.send(self.queue.peek())
            except BlockingIOError:
                return False
            except OSError as problem:
                self._socket.close()
                self._socket = None
                if problem.errno not in _GONE:
                    self.queue.pop()  # not this one, ever: it is too long, or no record at all
                elif not self._connect():
                    return False
                continue
            self.queue.pop()
        return True

    def _connect(self) -> bool:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            return False
        self._socket = sock
        return True

    def close(self) -> None:
        """Sends what can be sent, and lets go."""
        self.flush()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
