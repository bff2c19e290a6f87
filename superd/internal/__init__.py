"""The services superd has in itself (RFC 862 to 868): each a stream handler and a pure answer to a datagram."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import trio

from superd.internal import chargen, daytime, discard, echo, time

Beginning = Callable[[socket.socket], bytes | None]
"""Serves what can be served of a new connection without waiting. ``None``: both sides have ended. Else a task has to go on,
with these bytes to be sent first."""
StreamHandler = Callable[[trio.socket.SocketType], Awaitable[None]]
"""Serves a connection; the caller closes it."""
DatagramHandler = Callable[[bytes, float], bytes | None]
"""(payload, seconds since 1970) → answer, never longer than the payload unless a few bytes; ``None``: there is none."""

BEGIN: dict[str, Beginning] = {"echo": echo.begin, "discard": discard.begin}
STREAM: dict[str, StreamHandler] = {"daytime": daytime.stream, "time": time.stream}
CARRIED = frozenset({"echo", "discard", "chargen"})
"""Stream services without an end of their own: after ``BEGIN`` a relay carries them (``relay/ways.py``)."""
DATAGRAM: dict[str, DatagramHandler] = {
    "echo": echo.datagram,
    "discard": discard.datagram,
    "chargen": chargen.datagram,
    "daytime": daytime.datagram,
    "time": time.datagram,
}
