"""The services superd has in itself (RFC 862 to 868): each a stream handler and a pure answer to a datagram."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from superd.internal import chargen, daytime, discard, echo, time

StreamHandler = Callable[[trio.socket.SocketType], Awaitable[None]]
DatagramHandler = Callable[[bytes, float], bytes | None]
"""(payload, seconds since 1970) → answer, never longer than the payload unless a few bytes; ``None``: there is none."""

HANDLERS: dict[str, StreamHandler] = {
    "echo": echo.stream,
    "discard": discard.stream,
    "chargen": chargen.stream,
    "daytime": daytime.stream,
    "time": time.stream,
}
DATAGRAM: dict[str, DatagramHandler] = {
    "echo": echo.datagram,
    "discard": discard.datagram,
    "chargen": chargen.datagram,
    "daytime": daytime.datagram,
    "time": time.datagram,
}
