"""What every format is: events in, whole records out. One format a file: text_*.py.

Runs in: master, front. Never: writes a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from superd.log.event import Event


class Formatter(Protocol):
    """Makes records of events. Never waits, never raises for what an event contains."""

    def records(self, event: Event) -> list[bytes]:
        """Return the event as records for a sink: one, several, or none where the format has no word for it."""
        ...


class Body(Protocol):
    """The text of an event without time and level, for those who write their own."""

    def bodies(self, event: Event) -> list[str]:
        """Return the event as lines without a newline."""
        ...
