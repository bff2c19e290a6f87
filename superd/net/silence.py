"""The limit on silence, for sessions whose bytes superd never sees: the kernel knows when the last ones came and went.

A copy of the socket is kept for it, by sessions with such a limit alone; it is closed with the session, since the client
sees the end of the connection only when the last copy is gone. Moves no byte (a relay has its own watch).

Runs in: the front. Never: reads from the socket.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import trio

from superd.system.closing import let_socket_go

_LAST = struct.Struct("=44xI4xI")
"""tcpi_last_data_sent and tcpi_last_data_recv in struct tcp_info (linux/tcp.h): milliseconds since then."""

_RECEIVED = struct.Struct("=128xQ")
"""tcpi_bytes_received in struct tcp_info: bytes of the client that arrived, read or not."""


def silence(sock: socket.socket) -> float:
    """Seconds since the last byte in either direction of a TCP connection. Raises ``OSError`` for another socket."""
    sent, received = _LAST.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST.size))
    return float(min(sent, received)) / 1000


async def watch(sock: socket.socket, limit: float, scope: trio.CancelScope, on_idle: Callable[[], None]) -> None:
    """Calls ``on_idle`` when the session has been silent for ``limit`` seconds. ``scope`` ends it before; closes ``sock``."""
    try:
        with scope:
            try:
                while (left := limit - silence(sock)) > 0:
                    await trio.sleep(left)
            except OSError:
                return  # of a unix socket the kernel does not know it
            on_idle()
    finally:
        let_socket_go(sock)


async def watch_first_byte(sock: socket.socket, limit: float, scope: trio.CancelScope, on_mute: Callable[[], None]) -> None:
    """Calls ``on_mute`` if no byte has arrived after ``limit`` seconds. ``scope`` ends it before; closes ``sock``."""
    try:
        with scope:
            await trio.sleep(limit)
            try:
                received = _RECEIVED.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size))[0]
            except (OSError, struct.error):
                return  # of a unix socket the kernel does not know it; Linux counts since 4.1
            if not received:
                on_mute()
    finally:
        let_socket_go(sock)
