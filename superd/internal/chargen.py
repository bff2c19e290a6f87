"""chargen, RFC 864: lines of 72 characters, the next beginning one further. From a file in memory by sendfile(2)."""

from __future__ import annotations

import os

import trio

_CHARACTERS = bytes(range(0x21, 0x7F)) + b" "
_LINES = b"".join(((_CHARACTERS * 2)[start : start + 72]) + b"\r\n" for start in range(len(_CHARACTERS)))
_REPEATS = 37
_memory = -1


def _file() -> int:
    global _memory
    if _memory < 0:
        _memory = os.memfd_create("chargen", os.MFD_CLOEXEC)
        os.write(_memory, _LINES * _REPEATS)
    return _memory


async def stream(sock: trio.socket.SocketType) -> bool:
    """Sends until the client closes."""
    memory, total, offset = _file(), len(_LINES) * _REPEATS, 0
    while True:
        try:
            offset = (offset + os.sendfile(sock.fileno(), memory, offset, total - offset)) % total
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)
        else:
            await trio.lowlevel.checkpoint()


def datagram(payload: bytes, now: float) -> bytes | None:
    """Whole lines, never more bytes than came: RFC 864's 0 to 512 would make an amplifier."""
    return _LINES[: min(512, len(payload)) // 74 * 74] or None
