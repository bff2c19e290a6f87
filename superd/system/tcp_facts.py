"""What the kernel says of TCP sockets (sock_diag(7)): bytes and silence of connections, queues of listeners. Never waits long.

Runs in: cli. Standard library only. Of sockets of this network namespace; any user may ask.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SOCK_DIAG, _BY_FAMILY, _DUMP = 4, 20, 0x301
_DONE, _ERROR = 3, 2
_INFO = 2
"""INET_DIAG_INFO: struct tcp_info follows."""
_LISTEN = 10
_REQUEST = struct.Struct("=LHHLL BBBBL HH16s16sLLL")
_HEADER = struct.Struct("=LHHLL")
_SOCKET = struct.Struct("=BBBB 2s2s16s16sLLL LLLLL")
_LAST_SENT, _LAST_RECEIVED, _BYTES_ACKED, _BYTES_RECEIVED = 44, 52, 120, 128
_MILLISECONDS = struct.Struct("=L")
_BYTES = struct.Struct("=Q")
PATIENCE = 5.0


class Flow(NamedTuple):
    """A connection: seconds since a byte went either way, bytes from the peer and to it."""

    idle: float
    received: int
    sent: int


def flows() -> dict[tuple[str, int], Flow]:
    """Return the connections of this network namespace by their peer's address and port; none where the kernel does not say."""
    found: dict[tuple[str, int], Flow] = {}
    for _, _, _, peer, info in _sockets(0xFFF & ~(1 << _LISTEN), with_info=True):
        if len(info) >= _BYTES_RECEIVED + 8:
            idle = min(_MILLISECONDS.unpack_from(info, at)[0] for at in (_LAST_SENT, _LAST_RECEIVED)) / 1000
            received, sent = (_BYTES.unpack_from(info, at)[0] for at in (_BYTES_RECEIVED, _BYTES_ACKED))
            found[peer] = Flow(idle, received, sent)
    return found


def queues() -> dict[tuple[str, int], tuple[int, int]]:
    """Return how many connections wait in each listener's queue, and how many it holds, by address and port."""
    return {own: (waiting, most) for waiting, most, own, _, _ in _sockets(1 << _LISTEN, with_info=False)}


_Found = tuple[int, int, tuple[str, int], tuple[str, int], bytes]


def _sockets(states: int, *, with_info: bool) -> Iterator[_Found]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as sock:
                sock.settimeout(PATIENCE)
                extension = 1 << (_INFO - 1) if with_info else 0
                empty = bytes(16)
                sock.send(
                    _REQUEST.pack(
                        _REQUEST.size, _BY_FAMILY, _DUMP, 1, 0, family, socket.IPPROTO_TCP, extension, 0, states, 0, 0, empty,
                        empty, 0, 0xFFFFFFFF, 0xFFFFFFFF,
                    )
                )  # fmt: skip
                yield from _messages(sock)
        except OSError:
            continue


def _messages(sock: socket.socket) -> Iterator[_Found]:
    while True:
        data = sock.recv(1 << 18)
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, *_ = _HEADER.unpack_from(data, at)
            if kind in (_DONE, _ERROR) or length < _HEADER.size:
                return
            if length >= _HEADER.size + _SOCKET.size:
                yield _socket(data[at + _HEADER.size : at + length])
            at += (length + 3) & ~3
        if not data:
            return


def _socket(data: bytes) -> _Found:
    family, _, _, _, sport, dport, source, target, _, _, _, _, waiting, most, _, _ = _SOCKET.unpack_from(data)
    info, at = b"", _SOCKET.size
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        if kind == _INFO:
            info = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return waiting, most, (_host(family, source), _port(sport)), (_host(family, target), _port(dport)), info


def _port(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _host(family: int, data: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(family, data[:4])
    if data.startswith(bytes(10) + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, data[12:])
    return socket.inet_ntop(family, data)
