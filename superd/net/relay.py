"""Connects to the target of a redirect. A relay carries the bytes (``relay/process.py``).

Runs in: the front. Never: reads or writes a byte of a session.
"""

from __future__ import annotations

import ipaddress
import socket

import trio

from superd.system.closing import let_socket_go


async def connect(host: str, port: int) -> trio.socket.SocketType:
    """Return a connection to relay to; a host with several addresses is tried at all of them. Raises ``OSError``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        stream = await trio.open_tcp_stream(host, port)
        # trio keeps unsent bytes below 16 KiB, for programs that compute while they write; a relay only passes on.
        stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 0)
        return stream.socket
    sock = trio.socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        await sock.connect((host, port))
    except BaseException:
        let_socket_go(sock)
        raise
    return sock


async def connect_unix(path: str) -> trio.socket.SocketType:
    """A connection to the unix socket at ``path``, or to the abstract one of ``@name``. Raises ``OSError``."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await sock.connect(f"\0{path[1:]}" if path.startswith("@") else path)
    except BaseException:
        let_socket_go(sock)
        raise
    return sock
