"""Until when a certificate is good, read from its bytes. Pure; in any process. Verifies nothing."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

SOON = 14
"""Days before its end from which a certificate is warned about: what renews them tries from 30 days on."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


def not_after(pem: bytes) -> float:
    """Return the end of the first certificate, in seconds since 1970. Raises ``ValueError`` for what is not a certificate."""
    match = _PEM.search(pem)
    if match is None:
        raise ValueError("it has no certificate in PEM")
    try:
        data = base64.b64decode(b"".join(match[1].split()), validate=True)
        body = _part(_part(data, _SEQUENCE)[0], _SEQUENCE)[0]
        if body[0] == _VERSION:
            body = _part(body, _VERSION)[1]
        for _ in ("serial number", "algorithm", "issuer"):
            body = _part(body)[1]
        validity = _part(body, _SEQUENCE)[0]
        return _seconds(_part(validity)[1])
    except (IndexError, binascii.Error):
        raise ValueError("its certificate is damaged") from None


def days_left(until: float, now: float) -> int:
    """Return how many whole days a certificate is good for; below 0 when it has ended."""
    return int((until - now) // 86400)


def _part(data: bytes, kind: int | None = None) -> tuple[bytes, bytes]:
    """The content of the first value of DER, and what follows the value."""
    if kind is not None and data[0] != kind:
        raise ValueError("its certificate is damaged")
    size, at = data[1], 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("its certificate is damaged")
        size, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < at + size:
        raise ValueError("its certificate is damaged")
    return data[at : at + size], data[at + size :]


def _seconds(data: bytes) -> float:
    text = _part(data)[0].decode("ascii", "replace")
    if data[0] == _UTC_TIME:
        text = ("19" if text >= "5" else "20") + text
    elif data[0] != _TIME:
        raise ValueError("its certificate is damaged")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
