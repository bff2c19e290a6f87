"""DNS answers with only their first records: a stranger's name server must not choose how long one is parsed.

dnspython parses in the event loop, at 0.1 ms a record; an answer of 64 KB with 2,200 records stopped all of superd for a
quarter of a second. So each answer is cut, by lengths alone, before it is parsed: 16 records take less than 2 ms.

Runs in: the front. Never: decides what a name is good for.
"""

from __future__ import annotations

import struct
from typing import Any

import dns._trio_backend
import dns.exception

MOST = 16
"""Records of an answer that are looked at: libwrap and glibc take one name too, the first."""
MOST_ADDRESSES = 64
"""The same for the addresses of a name, each of which may be the one that confirms it."""

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")


def cut(wire: bytes, most: int) -> bytes:
    """Return a message with its question and its first ``most`` answers alone. Raises ``dns.exception.FormError``."""
    try:
        number, flags, questions, answers, _, _ = _HEADER.unpack_from(wire)
        if questions > 1:
            raise dns.exception.FormError
        answers = min(answers, most)
        end = _HEADER.size
        for _ in range(questions):
            end = _after_name(wire, end) + 4
        for _ in range(answers):
            end = _after_name(wire, end)
            end += _RECORD.size + _RECORD.unpack_from(wire, end)[3]
    except (struct.error, IndexError):
        raise dns.exception.FormError from None
    if end > len(wire):
        raise dns.exception.FormError
    return _HEADER.pack(number, flags, questions, answers, 0, 0) + wire[_HEADER.size : end]


def _after_name(wire: bytes, at: int) -> int:
    """Return where a name that begins at ``at`` ends: after its last label, or after a pointer."""
    while length := wire[at]:
        if length >= 0xC0:
            return at + 2
        at += 1 + length
    return at + 1


class BoundedBackend(dns._trio_backend.Backend):
    """dnspython's trio, with answers that are cut before it parses them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most

    async def make_socket(self, *arguments: Any, **keys: Any) -> Any:
        """Return a socket of which only so much of an answer comes."""
        sock: Any = await super().make_socket(*arguments, **keys)  # type: ignore[no-untyped-call]
        if hasattr(sock, "recvfrom"):
            sock.recvfrom = _Datagrams(sock.recvfrom, self._most)
        else:
            sock.recv = _Stream(sock.recv, self._most)
        return sock


class _Datagrams:
    def __init__(self, receive: Any, most: int) -> None:
        self._receive = receive
        self._most = most

    async def __call__(self, size: int, timeout: float | None) -> Any:
        while True:
            wire, sender = await self._receive(size, timeout)
            try:
                return cut(wire, self._most), sender
            except dns.exception.FormError:
                continue  # perhaps forged: the right answer may follow


class _Stream:
    """An answer by TCP: two bytes with its length, then the message."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive = receive
        self._most = most
        self._left = b""
        self._read = False

    async def __call__(self, size: int, timeout: float | None) -> bytes:
        if not self._read:
            (length,) = struct.unpack("!H", await self._exactly(2, timeout))
            message = cut(await self._exactly(length, timeout), self._most)
            self._left, self._read = struct.pack("!H", len(message)) + message, True
        data, self._left = self._left[:size], self._left[size:]
        return data

    async def _exactly(self, size: int, timeout: float | None) -> bytes:
        data = b""
        while len(data) < size:
            piece = await self._receive(size - len(data), timeout)
            if not piece:
                raise EOFError
            data += piece
        return data
