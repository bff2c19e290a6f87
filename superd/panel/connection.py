"""One connection of an operator to the control socket: messages in, messages out, one call at a time.

Runs in: panel. Never: keeps more than one message that came and a bounded rest of what is to go.
"""

from __future__ import annotations

import socket
from collections import deque

from superd.wire.varlink import MAX_CALL

MAX_OUT = 1 << 20
"""Bytes that wait for a client, from which on its call waits too."""
_PIECE = 65536


class Connection:
    """``deadline`` is when it is closed unless something happens. ``may_change`` and ``may_look`` are its user's rights."""

    def __init__(self, sock: socket.socket, uid: int, *, may_look: bool, may_change: bool, deadline: float) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.uid = uid
        self.may_look = may_look
        self.may_change = may_change
        self.deadline = deadline
        self.closing = False
        """Whether it is closed once all is sent."""
        self.ended = False
        """Whether its client sends no more."""
        self.interest = 0
        self.watched = False
        """The events it is registered for."""
        self._in = bytearray()
        self._seen = 0
        self._out: deque[bytes] = deque()
        self.waiting_bytes = 0

    def receive(self) -> bool:
        """Read what there is, at most a message too much. Returns False at the end of the client's side."""
        while len(self._in) <= MAX_CALL:
            try:
                piece = self.sock.recv(_PIECE)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self._in += piece
        return True

    @property
    def full(self) -> bool:
        """Whether no more is read until a message has been taken."""
        return len(self._in) > MAX_CALL

    @property
    def begun(self) -> bool:
        """Whether part of a message has come."""
        return bool(self._in)

    def message(self) -> bytes | None:
        """Return the next whole message without its NUL; None while only part of it came. Raises ``ValueError``: too long."""
        end = self._in.find(0, self._seen)
        if end < 0:
            self._seen = len(self._in)
            if self._seen > MAX_CALL:
                raise ValueError("the message is too long")
            return None
        data = bytes(self._in[:end])
        del self._in[: end + 1]
        self._seen = 0
        return data

    def send(self, data: bytes) -> None:
        """Queue and send what the client takes. Raises ``OSError`` when it is gone."""
        self._out.append(data)
        self.waiting_bytes += len(data)
        self.flush()

    def flush(self) -> None:
        """Send what the client takes. Raises ``OSError`` when it is gone."""
        while self._out:
            try:
                sent = self.sock.send(self._out[0][:_PIECE])
            except BlockingIOError:
                return
            self.waiting_bytes -= sent
            rest = self._out.popleft()[sent:]
            if rest:
                self._out.appendleft(rest)
