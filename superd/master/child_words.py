"""What launchers, relays and panels write to their stderr: read line by line into the log, in the log's own form.

What: one pipe that all of them have as fd 2; its lines become messages, a second's worth of them at most.
Runs in: master.
Never: waits, or believes a line to be more than text: launchers run as services' users.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.log import Log

MAX_LINE = 1000
MAX_REST = 4096
"""Bytes of a line that did not end yet, which are kept."""
BYTES_A_SECOND = 16384
"""More than this is left in the pipe for the next second: a traceback is 2 KiB."""
PAUSE = 1.0


class ChildWords:
    """``stderr`` is what children get as fd 2. ``due`` is when reading goes on (monotonic), or None."""

    def __init__(self, log: Log, poll: select.poll) -> None:
        self._log = log
        self._poll = poll
        self._read, self.stderr = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._rest = b""
        self._begun = 0.0
        self._count = 0
        self.due: float | None = None
        poll.register(self._read, select.POLLIN)

    def table(self) -> list[int]:
        """Return the descriptors for the next program of this process."""
        return [self._read, self.stderr]

    def take_over(self, table: list[int]) -> None:
        """Go on with the pipe that children of this process's earlier program have."""
        self._poll.unregister(self._read)
        self.close_copies()
        self._read, self.stderr = table
        self._poll.register(self._read, select.POLLIN)

    def on_readable(self, fd: int) -> bool:
        """Read what there is; return whether the descriptor was this one's."""
        if fd != self._read:
            return False
        now = time.monotonic()
        if now - self._begun >= PAUSE:
            self._begun, self._count = now, 0
        try:
            data = os.read(self._read, BYTES_A_SECOND)
        except BlockingIOError:
            return True
        self._count += len(data)
        if self._count >= BYTES_A_SECOND:
            self._poll.unregister(self._read)
            self.due = now + PAUSE
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_REST:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if line.strip():
                self._log.message("warning", line[:MAX_LINE].decode("utf-8", "replace"))
        return True

    def on_timer(self, now: float) -> None:
        """Read on after a pause."""
        if self.due is not None and now >= self.due:
            self.due = None
            self._poll.register(self._read, select.POLLIN)

    def close_copies(self) -> None:
        """Close both ends: in a forked child, or before another pipe is used."""
        os.close(self._read)
        os.close(self.stderr)
