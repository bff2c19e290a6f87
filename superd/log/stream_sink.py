"""A descriptor as a log target: stdout, stderr or a log file, with limits of its size.

Runs in the master and in the front. Never blocks, never opens a file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from superd.log.queue import Queue


class StreamSink:
    """A record is written whole, or completed first after a short write.

    ``soft`` and ``hard`` are sizes of the file in bytes: over the first ``on_trouble`` is called once, over the second nothing
    is written. 0 means no limit.
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
        # A full pipe or a stopped terminal must not block. Other processes share the mode, so it is restored at the end.
        self._was_blocking = os.get_blocking(fd)
        if not self._regular:
            os.set_blocking(fd, False)

    def put(self, record: bytes) -> None:
        """Queue one line, newline included."""
        self.queue.put(record)

    def flush(self) -> bool:
        """Write what the descriptor takes; False if something is left."""
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
        """Whether the next record may be written; over the hard limit all are dropped, as xinetd does."""
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
        """Remove the half of a record that a full disk took; it is written again, whole."""
        whole = self._rest.rfind(b"\n", 0, written) + 1
        end = os.lseek(self.fd, 0, os.SEEK_CUR)
        if end == os.fstat(self.fd).st_size:  # else another process has appended since, and would lose its own bytes
            os.ftruncate(self.fd, end - written + whole)
        self._rest = self._rest[whole:]

    def _tell(self, why: str) -> None:
        if self._told != why and self._on_trouble is not None:
            self._told = why
            self._on_trouble(why)

    def close(self) -> None:
        """Write what can be written and restore the descriptor's mode."""
        self.flush()
        if not self._regular:
            os.set_blocking(self.fd, self._was_blocking)
