"""Records that wait for a log target: bounded, and what does not fit is counted.

Runs in the master and in the front. Used by the sinks. Never: writes a record.
"""

from __future__ import annotations

from collections import deque


class Queue:
    """At most ``limit`` records; ``dropped`` counts those that found no room."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped = 0
        self._lines: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: bytes) -> None:
        """Queue one record, or count it as lost."""
        if len(self._lines) >= self.limit:
            self.dropped += 1
        else:
            self._lines.append(line)

    def clear(self) -> None:
        """Forget all records."""
        self._lines.clear()

    def peek(self) -> bytes:
        """Return the oldest record and keep it."""
        return self._lines[0]

    def pop(self) -> None:
        """Remove the oldest record."""
        self._lines.popleft()

    def take(self, count: int) -> bytes:
        """Remove at most the ``count`` oldest records and return them joined."""
        lines = self._lines
        if len(lines) <= count:
            whole = b"".join(lines)
            lines.clear()
            return whole
        return b"".join([lines.popleft() for _ in range(count)])
