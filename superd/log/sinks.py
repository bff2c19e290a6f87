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

    def clear(self) -> None:
        """Forgets all records."""
        self._lines.clear()

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
    """A descriptor: stderr or a log file. A record is written whole or, after a short write, completed first.

    ``soft`` and ``hard`` are sizes of the file: behind the first it is said once, behind the second nothing is written.
    """

    def __init__(
        self, fd: int, limit: int, *, soft: int = 0, hard: int = 0, on_trouble: Callable[[str], None] | None = None
    ) -> None:
        self.fd = fd
        self.queue = Queue(limit)
        self._rest = b""
        self._soft = soft
        self._hard = hard
        self._on_trouble = on_trouble
        self._told = ""
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
                if self._hard and not self._within_limits():
                    return True
                self._rest = self.queue.take(1 if self._hard else 256)
            try:
                written = os.write(self.fd, self._rest)
            except BlockingIOError:
                return False
            except OSError as problem:
                self._tell(os.strerror(problem.errno or 0))
                return False
            if written < len(self._rest) and self._regular:
                self._cut(written)
                self._tell("no space left")
                return False
            self._rest = self._rest[written:]
            if not self._rest and not self._hard:
                self._told = ""
        return True

    def _within_limits(self) -> bool:
        """Whether the next record may be written; what may not is dropped, as xinetd does."""
        size = os.fstat(self.fd).st_size + len(self.queue.peek())
        if size > self._hard:
            self._tell(f"reached its hard limit of {self._hard} bytes; nothing more is written to it")
            self.queue.clear()
            return False
        if self._soft and size > self._soft:
            self._tell(f"reached its soft limit of {self._soft} bytes")
        else:
            self._told = ""
        return True

    def _cut(self, written: int) -> None:
        """A disk that is full takes half a record: cuts it off again, it comes once more, whole."""
        whole = self._rest.rfind(b"\n", 0, written) + 1
        end = os.lseek(self.fd, 0, os.SEEK_CUR)
        if end == os.fstat(self.fd).st_size:  # else somebody has written behind us, and what is cut would be his
            os.ftruncate(self.fd, end - written + whole)
        self._rest = self._rest[whole:]

    def _tell(self, why: str) -> None:
        if self._told != why and self._on_trouble is not None:
            self._told = why
            self._on_trouble(why)

    def close(self) -> None:
        """Writes what can be written and puts the descriptor's mode back."""
        self.flush()
        if not self._regular:
            os.set_blocking(self.fd, self._was_blocking)


class SyslogSink:
    """/dev/log, datagram by datagram, as syslog(3) sends; connects again when the daemon is back. Says once that it is away."""

    def __init__(self, limit: int, path: str = "/dev/log", on_trouble: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._on_trouble = on_trouble
        self._told = False
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
            self._told = False
        return True

    def _connect(self) -> bool:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(self._path)
        except OSError as problem:
            sock.close()
            if not self._told and self._on_trouble is not None:
                self._told = True
                self._on_trouble(os.strerror(problem.errno or 0))
            return False
        self._socket = sock
        return True

    def close(self) -> None:
        """Sends what can be sent, and lets go."""
        self.flush()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
