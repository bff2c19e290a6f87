"""superd's own text: ``START echo 9f3a1-2a from=127.0.0.1:4711``. Pure; the fields it gets are safe.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING

from superd.log.event import Event, Kind

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.fields import Fields

MAX_LINE = 8192
"""Bytes of one line; longer ones are cut."""
_SPECIAL = frozenset(' "=')
_SESSIONS = frozenset({Kind.START, Kind.EXIT, Kind.FAIL, Kind.USER, Kind.REPEATS})
"""Events that the fields describe completely; all others are a level and a text."""


class NativeText:
    """Lines with a date and an offset, or without them for syslog."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def records(self, event: Event) -> list[bytes]:
        """Return the event as one line with its time."""
        self._clock.set(event.when)
        [body] = self.bodies(event)
        level = "" if event.kind in _SESSIONS else f"{event.level.word}: "
        return [f"{self._clock.native} {level}{body}".encode("utf-8", "replace")[: MAX_LINE - 1] + b"\n"]

    def bodies(self, event: Event) -> list[str]:
        """Return the event as one line without its time."""
        if event.kind in _SESSIONS:
            head = [event.kind.name, event.service]
            if session := event.session:
                head.append(session)
            return [" ".join(head + words(event.fields))]
        head = [event.service] if event.service else []
        if session := event.session:
            head.append(session)
        if head and event.record is not None:
            head += words(event.fields)
        return [f"{' '.join(head)}: {event.text}" if head else event.text]


def words(fields: Fields) -> list[str]:
    """Return each field as ``key=value``; a client and superd's own address are one word each, values with blanks quoted."""
    result: list[str] = []
    for key, value in fields.items():
        if key == "peer":
            result.append(f"from={_address(value, fields.get('port'))}")
        elif key == "local":
            result.append(f"to={_address(value, fields.get('local_port'))}")
        elif key not in ("port", "local_port"):
            result.append(f"{key}={_value(value)}")
    return result


def _address(address: object, port: object) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def _value(value: str | int | float) -> str:
    if type(value) is float:
        return f"{value:.3f}"
    text = str(value)
    return _quoted(text) if text == "" or not _SPECIAL.isdisjoint(text) else text
