"""The lines of chargen, RFC 864: 72 characters each, the next beginning one further. Pure; runs in front and relays."""

from __future__ import annotations

_CHARACTERS = bytes(range(0x21, 0x7F)) + b" "
LINE = 74
"""Bytes of a line with its end."""
ROUND = b"".join(((_CHARACTERS * 2)[start : start + 72]) + b"\r\n" for start in range(len(_CHARACTERS)))
"""All different lines; the first follows the last."""
LINES = ROUND * 37
"""Enough of them that a system call sends a quarter of a megabyte."""
