"""Durations, sizes and lists of words as the files write them, to seconds, bytes and tuples. Pure: any process."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15})([KMG]?)", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_duration(value: object) -> object:
    """``90``, ``"90s"``, ``"1h30m"``, ``"2d"`` to seconds. Raises ``ValueError`` for other text."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if not value or match is None:
        raise ValueError(f"`{value}` is not a duration like 90, 30s, 5m, 1h30m, 2d")
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def bytes_of(text: str, units: str = "KMG") -> int | None:
    """Return the bytes of ``4096``, ``64K``, ``256m``; None for other text. ``units`` are the letters that it may end with."""
    match = _SIZE.fullmatch(text.upper())
    if match is None or match[2] not in units:
        return None
    return int(match[1]) * _UNITS[match[2]]


def parse_size(value: object) -> object:
    """``4096``, ``"64K"``, ``"256M"``, ``"1G"`` to bytes, ``"UNLIMITED"`` to -1. Raises ``ValueError`` for other text."""
    if not isinstance(value, str):
        return value
    if value.upper() == "UNLIMITED":
        return -1
    size = bytes_of(value)
    if size is None:
        raise ValueError(f"`{value}` is not a size like 4096, 64K, 256M, 1G or UNLIMITED")
    return size


def quantity_meant(value: object) -> str:
    """Return what `60 s`, `1 minute`, `64MB` or `1 GiB` is in superd's words, or nothing."""
    match = re.fullmatch(r"\s*(\d{1,15})\s*([A-Za-z]+)\.?\s*", value, re.ASCII) if isinstance(value, str) else None
    if match is None:
        return ""
    unit = match[2].lower()
    if size := re.fullmatch(r"([kmg])(i?b|bytes?)?", unit):
        if size[2]:
            return f"{match[1]}{size[1].upper()}"
    times = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    for letter, word in times.items():
        if unit in (letter, word, word[:-1], word[:3], f"{word[:3]}s"):
            return f"{match[1]}{letter}"
    return f"{match[1]}{unit.upper()}" if unit in ("k", "m", "g") else match[1] if unit in ("b", "byte", "bytes") else ""


def as_words(value: object) -> object:
    """Return one text as a list of it, and anything else as it is."""
    return [value] if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
SecondsOrZero = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=-1)]
Words = Annotated[tuple[str, ...], BeforeValidator(as_words)]
