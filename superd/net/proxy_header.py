"""Reads the PROXY header at the beginning of a connection, and no byte of what follows it.

Runs in: the front. Trusts no sender. What is peeked at (MSG_PEEK) is taken only so far as the header reaches, so that the program
or the target gets the connection as its client began it. A header has at most ``MAX_V2`` bytes; the caller limits the time.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from superd.errors import PeerError
from superd.wire.proxy_header import ProxyHeader, scan

if TYPE_CHECKING:
    import trio

PEEK = 256
"""Bytes that are looked at in one go: every header without long TLVs fits."""


class HeaderReader:
    """One header, piece by piece. ``header`` is set when it is whole."""

    __slots__ = ("_data", "_versions", "header")

    def __init__(self, versions: frozenset[int]) -> None:
        self._data = b""
        self._versions = versions
        self.header: ProxyHeader | None = None

    def take(self, peeked: bytes) -> int:
        """Return how many of the bytes that come next belong to the header. Raises ``PeerError``."""
        found = scan(self._data + peeked, self._versions)
        if isinstance(found, ProxyHeader):
            self.header = found
            return found.length - len(self._data)
        self._data += peeked
        return len(peeked)


def read_at_once(sock: socket.socket, reader: HeaderReader) -> ProxyHeader | None:
    """Return the header if all of it has arrived. Raises ``PeerError``, ``EOFError`` and ``OSError``."""
    while reader.header is None:
        try:
            peeked = sock.recv(PEEK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if not peeked:
            raise EOFError
        _check(sock.recv(wanted := reader.take(peeked), socket.MSG_DONTWAIT), wanted)
    return reader.header


async def read(sock: trio.socket.SocketType, reader: HeaderReader) -> ProxyHeader:
    """Return the header when all of it has arrived. Raises ``PeerError``, ``EOFError`` and ``OSError``."""
    while reader.header is None:
        peeked = await sock.recv(PEEK, socket.MSG_PEEK)
        if not peeked:
            raise EOFError
        _check(await sock.recv(wanted := reader.take(peeked)), wanted)
    return reader.header


def _check(taken: bytes, wanted: int) -> None:
    if len(taken) != wanted:
        raise PeerError("the PROXY header is interrupted")  # urgent data lies in between
