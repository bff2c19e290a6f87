"""Events as journald's native protocol has them: ``KEY=value`` lines, or a length where a value has line ends.

Runs in the master and in the front. Pure. Format: systemd's docs, JOURNAL_NATIVE_PROTOCOL.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.event import Event
    from superd.log.formatter import Body


class JournalText:
    """One entry an event: MESSAGE, MESSAGE_ID, PRIORITY, SYSLOG_IDENTIFIER and a SUPERD_ field for each of the event's."""

    def __init__(self, body: Body, tag: str, facility: int) -> None:
        self._body = body
        self._tag = tag
        self._facility = facility >> 3

    def records(self, event: Event) -> list[bytes]:
        """Return the event as one entry."""
        fields: list[tuple[str, object]] = [
            ("MESSAGE", "\n".join(self._body.bodies(event))),
            ("MESSAGE_ID", event.kind.message_id),
            ("PRIORITY", event.level.number),
            ("SYSLOG_FACILITY", self._facility),
            ("SYSLOG_IDENTIFIER", self._tag),
            ("SYSLOG_PID", os.getpid()),
            ("SUPERD_EVENT", event.kind.word),
        ]
        if event.service:
            fields.append(("SUPERD_SERVICE", event.service))
        if session := event.session:
            fields.append(("SUPERD_SESSION", session))
        fields += [(f"SUPERD_{key.upper()}", value) for key, value in event.fields.items()]
        return [b"".join(_field(key, value) for key, value in fields)]


def _field(key: str, value: object) -> bytes:
    data = str(value).encode("utf-8", "replace")
    if b"\n" in data:
        return key.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return key.encode() + b"=" + data + b"\n"
