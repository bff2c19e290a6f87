"""Events as JSON, one object a line. Pure; the fields it gets are safe.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.event import Event

MAX_LINE = 8192
"""Bytes of one line, newline included. Half an object is not an object: values are cut until the line fits."""
_SHORTER = (4096, 1024, 256, 64)
"""Characters that a value keeps, tried in this order."""


class JsonText:
    """Objects with ``time``, ``level``, ``event`` and what else the event has; docs/logging.md lists the keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def records(self, event: Event) -> list[bytes]:
        """Return the event as one line."""
        line = self._line(event, 0)
        for length in _SHORTER:
            if len(line) < MAX_LINE:
                break
            line = self._line(event, length)
        return [line + b"\n"]

    def _line(self, event: Event, length: int) -> bytes:
        def text(value: str) -> str:
            return _quoted(value if not length or len(value) <= length else value[:length] + "…")

        # By hand: json.dumps makes an encoder for each call, and takes twice as long.
        parts = [f'{{"time":"{self._clock.rfc3339(event.when)}","level":"{event.level.word}","event":"{event.kind.word}"']
        if event.service:
            parts.append(f'"service":{text(event.service)}')
        if session := event.session:
            parts.append(f'"session":"{session}"')
        for key, value in event.fields.items():
            parts.append(f'"{key}":{value if type(value) is not str else text(value)}')
        if event.text:
            parts.append(f'"message":{text(event.text)}')
        return (",".join(parts) + "}").encode("utf-8", "replace")
