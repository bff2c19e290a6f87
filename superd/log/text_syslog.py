"""Records for a syslog daemon in the old form that syslog(3) sends (RFC 3164). Pure.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.event import Event
    from superd.log.formatter import Body

MAX_RECORD = 2048
"""Bytes of one record; longer ones are cut. Many daemons cut at 2,048 themselves (RFC 5424, section 6.1)."""


class OldSyslog:
    """``<priority>Mmm dd hh:mm:ss tag[pid]: text``.

    ``fixed`` is the priority of every record; without it the event's level counts, in ``facility``.
    """

    def __init__(self, clock: Clock, body: Body, tag: str, *, facility: int = 0, fixed: int | None = None) -> None:
        self._clock = clock
        self._body = body
        self._tag = tag
        self._facility = facility
        self._fixed = fixed

    def records(self, event: Event) -> list[bytes]:
        """Return the event's records."""
        self._clock.set(event.when)
        number = self._fixed if self._fixed is not None else self._facility | event.level.number
        return [old_record(self._clock, number, self._tag, body) for body in self._body.bodies(event)]


def old_record(clock: Clock, number: int, tag: str, text: str) -> bytes:
    """Return one record with the clock's time."""
    return f"<{number}>{clock.syslog} {tag}[{os.getpid()}]: {text}".encode("utf-8", "replace")[:MAX_RECORD]
