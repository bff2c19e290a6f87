"""daytime, RFC 867: the local time as one line.

Runs in: the front. Never: opens a socket.
"""

from __future__ import annotations

import time

import trio

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def line(now: float) -> bytes:
    """``23 NOV 2026 02:14:35 UTC`` and CR LF, as xinetd writes it."""
    local = time.localtime(now)
    clock = time.strftime("%H:%M:%S %Z", local)
    return f"{local.tm_mday:02d} {_MONTHS[local.tm_mon - 1]} {local.tm_year} {clock}\r\n".encode()


async def stream(sock: trio.socket.SocketType) -> None:
    """Sends the line; the caller closes."""
    await sock.send(line(time.time()))  # noqa: TID251 - the time of day is what is asked for


def datagram(payload: bytes, now: float) -> bytes:
    """The line: 26 bytes, the only answer that may be longer than its question."""
    return line(now)
