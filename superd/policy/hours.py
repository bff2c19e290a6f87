"""access_times: at which minutes of the week a service may be used. Pure; local time is passed in.

Runs in: the front, the operator's commands.
"""

from __future__ import annotations

import re

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([0-9]{1,2}):([0-9]{1,2})"
_WINDOW = re.compile(rf"{_TIME}-{_TIME}")


class Hours:
    """Windows of ``H:M-H:M`` (both ends inclusive, as in xinetd), optionally after days; past midnight wraps."""

    __slots__ = ("_windows",)

    def __init__(self, words: tuple[str, ...]) -> None:
        """Raises ``ValueError`` naming the word that is not a window."""
        self._windows: list[tuple[frozenset[int], int, int]] = []
        for text in words:
            days = frozenset(range(7))
            for word in text.replace(";", " ").split():
                match = _WINDOW.fullmatch(word)
                if match is None:
                    days = _days(word, text)
                    continue
                first, last = _minute(match[1], match[2], text), _minute(match[3], match[4], text)
                self._windows.append((days, first, last))
        if words and not self._windows:
            raise ValueError(f"`{' '.join(words)}` names no window like 8:00-18:00")

    def open_at(self, weekday: int, minute: int) -> bool:
        """Whether the service is open on ``weekday`` (Monday is 0) at ``minute`` of the day."""
        for days, first, last in self._windows:
            if first <= last:
                if weekday in days and first <= minute <= last:
                    return True
            elif (weekday in days and minute >= first) or ((weekday - 1) % 7 in days and minute <= last):
                return True
        return not self._windows


def _minute(hour: str, minute: str, text: str) -> int:
    if int(minute) > 59 or int(hour) > 24 or (int(hour) == 24 and int(minute)):
        raise ValueError(f"`{text}`: `{hour}:{minute}` is not a time of day")
    return int(hour) * 60 + int(minute)


def _days(word: str, text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.lower().split(","):
        first, dash, last = part.partition("-")
        if first[:3] not in DAYS or (dash and last[:3] not in DAYS):
            raise ValueError(f"`{text}`: `{word}` is neither a day like Mon-Fri nor a window like 8:00-18:00")
        begin = DAYS.index(first[:3])
        end = DAYS.index(last[:3]) if dash else begin
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)
