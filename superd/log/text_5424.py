"""Records for a syslog daemon as RFC 5424 has them, the fields as structured data. Pure.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

from superd.log.text_syslog import OldSyslog

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.event import Event
    from superd.log.formatter import Body

MAX_RECORD = 8192
"""Bytes of one record; the text of a longer one is cut, its structured data never."""
STRUCTURED_ID = "superd@32473"
"""SD-ID (section 6.3.2); 32473 is the enterprise number of examples (RFC 5612)."""
_ESCAPED = re.compile(r'(["\\\]])')
_NAME = re.compile(r"[^!-~]")


class NewSyslog(OldSyslog):
    """``<priority>1 TIME HOST superd PID KIND [superd@32473 service="..." ...] text``; arguments as ``OldSyslog`` has them."""

    def __init__(self, clock: Clock, body: Body, tag: str, *, facility: int = 0, fixed: int | None = None) -> None:
        super().__init__(clock, body, tag, facility=facility, fixed=fixed)
        self._host = _NAME.sub("", socket.gethostname())[:255] or "-"

    def records(self, event: Event) -> list[bytes]:
        """Return the event's records."""
        number = self._fixed if self._fixed is not None else self._facility | event.level.number
        head = (
            f"<{number}>1 {self._clock.rfc3339(event.when)} {self._host} {self._tag} {os.getpid()} {event.kind.word} "
            f"{structured(event)} "
        )
        return [(head + "\ufeff" + body).encode("utf-8", "replace")[:MAX_RECORD] for body in self._body.bodies(event)]


def structured(event: Event) -> str:
    """Return the event's fields as one element of structured data (section 6.3); ``-`` if it has none."""
    pairs: list[tuple[str, object]] = []
    if event.service:
        pairs.append(("service", event.service))
    if session := event.session:
        pairs.append(("session", session))
    pairs += event.fields.items()
    if not pairs:
        return "-"
    return "[" + " ".join([STRUCTURED_ID, *(f'{key}="{_ESCAPED.sub(_BACKSLASH, str(value))}"' for key, value in pairs)]) + "]"


_BACKSLASH = r"\\\1"
