"""What every log target is: records in, written as fast as the target takes them, never waited for.

Runs in: master, front. Never: waits for a target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from superd.log.queue import Queue


class Sink(Protocol):
    """A stream, a file, a syslog daemon or journald. Never blocks; ``queue`` keeps what the target did not take."""

    queue: Queue

    def put(self, record: bytes) -> None:
        """Queue one record."""
        ...

    def flush(self) -> bool:
        """Write what the target takes now; False if something is left."""
        ...

    def close(self) -> None:
        """Write what can be written, and let go of the target."""
        ...
