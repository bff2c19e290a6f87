"""Text from peers, name servers, ident servers and programs, made safe to show.

Runs in any process; standard library only, because launchers load it. Never looks anything up.
"""

from __future__ import annotations

import re

MAX_VALUE = 255
"""Characters of one value in a command, a variable or a log line."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[^ -~]")
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Characters that Unicode counts as printable and that show nothing: joiners, fillers, variation selectors."""


def safe_banner(value: str) -> bytes:
    """Return a value as a banner shows it to the client: one printable line."""
    return _CONTROL.sub("_", value)[:MAX_VALUE].encode("utf-8", "replace")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    # str.isprintable is false for the categories Cc, Cf, Cs, Co, Cn, Zl, Zp and Zs, except the blank itself.
    if character.isprintable() and character not in _INVISIBLE:
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"  # a byte that is not UTF-8
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def safe(text: str, limit: int = MAX_VALUE) -> str:
    r"""Return text from anywhere as part of one log line.

    Controls, invalid UTF-8 and characters that are invisible or change the direction of text become ``\xNN`` or ``\uNNNN``.
    The result has at most ``limit`` characters and an ellipsis.
    """
    if not (text.isascii() and text.isprintable()):  # a tenth of the time of the pattern, for nearly every text
        text = _UNPRINTABLE.sub(_escape, text[: limit + 1])
    return text if len(text) <= limit else text[:limit] + "…"
