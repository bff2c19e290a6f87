"""A banner file and a request → the bytes a client sees. Opens no file and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.expansion import expand_banner

if TYPE_CHECKING:
    from superd.expansion import Values

MAX_RENDERED = 1 << 20
"""Bytes of a rendered banner; expansions cannot make it longer than this."""


def render(data: bytes, values: Values) -> bytes:
    """``data`` with expansions and CR LF line ends (options.c, banners_option); what has CR LF already keeps it."""
    lines = data.split(b"\n")
    ends = [b"\r\n"] * (len(lines) - 1) + [b""]
    rendered = b"".join(
        expand_banner(line.removesuffix(b"\r") if end else line, values) + end for line, end in zip(lines, ends, strict=True)
    )
    return rendered[:MAX_RENDERED]
