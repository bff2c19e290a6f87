"""chargen, RFC 864, for datagrams. Streams are carried by a relay; the lines are in ``wire/chargen.py``.

Runs in: the front. Never: opens a socket.
"""

from __future__ import annotations

from superd.wire.chargen import LINE, ROUND


def datagram(payload: bytes, now: float) -> bytes | None:
    """Whole lines, never more bytes than came: RFC 864's 0 to 512 would make an amplifier."""
    return ROUND[: min(512, len(payload)) // LINE * LINE] or None
