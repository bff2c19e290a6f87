"""Events as JSON, one object a line. Pure; the fields it gets are safe.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.event import Event
    from superd.log.fields import Fields

MAX_LINE = 8192
"""Bytes of one line, newline included. Half an object is not an object: values are cut until the line fits."""
_SHORTER = (4096, 1024, 256, 64)
"""Characters that a value keeps, tried in this order."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
"""Made once: json.dumps makes an encoder for each call, and a line by hand takes twice as long as this (measured)."""


class JsonText:
    """Objects with ``time``, ``level``, ``event`` and what else the event has; docs/logging.md lists the keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def records(self, event: Event) -> list[bytes]:
        """Return the event as one line."""
        values: Fields = {
            "time": self._clock.rfc3339(event.when), "level": event.level.word, "event": event.kind.word,
        }  # fmt: skip
        if event.service:
            values["service"] = event.service
        if session := event.session:
            values["session"] = session
        values.update(event.fields)
        if event.text:
            values["message"] = event.text
        line = _line(values)
        for length in _SHORTER:
            if len(line) < MAX_LINE:
                break
            line = _line({key: _cut(value, length) for key, value in values.items()})
        return [line + b"\n"]


def _line(values: Fields) -> bytes:
    return _encode(values).encode("utf-8", "replace")


def _cut(value: str | int | float, length: int) -> str | int | float:
    return value[:length] + "…" if isinstance(value, str) and len(value) > length else value
