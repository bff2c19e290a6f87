"""Requests: what the front may ask of the master. One closed table, checked field by field (OpenSSH's monitor is the model).

What: the table, and how a request travels: one short JSON object over the pair of ``front_orders.py``, never a descriptor.
Runs in: front (sends), master (receives; it trusts nothing of it).
Never: carries a request out: the table names the method of ``RequestHandlers`` that does.
"""

from __future__ import annotations

import errno
import json
import signal
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from superd.errors import ControlError
from superd.frozen import frozen
from superd.ipc import descriptors
from superd.ipc.closed_message import message_of
from superd.system.closing import let_all_go

MAX_REQUEST = 4096
"""Bytes of one message from the front."""
MAX_NUMBER = (1 << 31) - 1
MAX_DUMP = 4 << 20
"""Bytes of a state dump."""
MAX_UNSENT = 10_000
"""Requests that a front keeps for a master that does not read: it is stopped, or gone."""


class RequestHandlers(Protocol):
    """What the master does at each request."""

    def on_ready(self) -> None: ...
    def on_applied(self, number: int) -> None: ...
    def on_alive(self, number: int) -> None: ...
    def on_policy(self) -> None: ...
    def on_relay(self, number: int) -> None: ...
    def on_renew(self, address: str) -> None: ...
    def on_dump(self, size: int) -> None: ...
    def on_signal(self, pid: int, number: int) -> None: ...
    def on_stuck(self, number: int) -> None: ...
    def on_stopped(self) -> None: ...


@frozen
class Request:
    """One request: a word of the table with its one field, if it has one."""

    word: str
    number: int = 0
    address: str = ""


@frozen
class Accepts:
    """The fields of a word, what it costs of the front's budget (1.0 is the cost of most), and what the master does."""

    fields: frozenset[str]
    cost: float
    handler: Callable[[RequestHandlers, Request], None]
    most: int = MAX_NUMBER
    """The largest ``number``."""


_NONE: frozenset[str] = frozenset()
_NUMBER = frozenset({"number"})

TABLE: dict[str, Accepts] = {
    "ready": Accepts(_NONE, 1.0, lambda master, request: master.on_ready()),
    "applied": Accepts(_NUMBER, 1.0, lambda master, request: master.on_applied(request.number)),
    "alive": Accepts(_NUMBER, 1.0, lambda master, request: master.on_alive(request.number)),
    "policy": Accepts(_NONE, 1.0, lambda master, request: master.on_policy()),
    "relay": Accepts(_NUMBER, 1.0, lambda master, request: master.on_relay(request.number)),
    # One for each new peer of a datagram service.
    "renew": Accepts(frozenset({"address"}), 0.005, lambda master, request: master.on_renew(request.address)),
    # One for each session of a launcher that died, all at once when superd ends.
    "terminate": Accepts(_NUMBER, 0.005, lambda master, request: master.on_signal(request.number, signal.SIGTERM)),
    "kill": Accepts(_NUMBER, 0.005, lambda master, request: master.on_signal(request.number, signal.SIGKILL)),
    "stuck": Accepts(_NUMBER, 1.0, lambda master, request: master.on_stuck(request.number)),
    "dump": Accepts(_NUMBER, 1.0, lambda master, request: master.on_dump(request.number), MAX_DUMP),
    "stopped": Accepts(_NONE, 1.0, lambda master, request: master.on_stopped()),
}


def parse_request(data: bytes) -> Request:
    """Return one request of the table. Raises ``ControlError`` for anything else."""
    message = message_of(data, MAX_REQUEST)
    word = message.pop("word", None)
    rule = TABLE.get(word) if isinstance(word, str) else None
    if rule is None or frozenset(message) != rule.fields:
        raise ControlError("message is not in the table")
    number, address = message.get("number", 0), message.get("address", "")
    if type(number) is not int or not 0 <= number <= MAX_NUMBER or type(address) is not str:
        raise ControlError("a field has the wrong type")
    if number > rule.most:
        raise ControlError("a number is too large")
    return Request(word, number, address)


def receive_request(channel: socket.socket) -> Request:
    """Return the next request. Raises ``ControlError``, ``EOFError`` for the end or an empty message, ``OSError`` as recvmsg."""
    data, fds, truncated = descriptors.receive_with(channel, MAX_REQUEST, 1)
    if fds or truncated:
        let_all_go(fds)
        raise ControlError("a descriptor with a request")
    if not data:
        raise EOFError("the front is gone")
    return parse_request(data)


class RequestWriter:
    """The front's side: sends requests in their order, never waits, loses none while the master lives."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pending: deque[bytes] = deque()

    def send(self, word: str, *, number: int = 0, address: str = "") -> bool:
        """Send the request or keep it; return whether nothing waits: else call ``flush`` when the channel takes more.

        Raises ``OSError`` when the master is gone.
        """
        fields = TABLE[word].fields
        message: dict[str, object] = {"word": word}
        message |= {name: value for name, value in (("number", number), ("address", address)) if name in fields}
        if len(self._pending) >= MAX_UNSENT:
            raise BrokenPipeError(errno.EPIPE, "the master reads no requests")
        self._pending.append(json.dumps(message).encode())
        return self.flush()

    def flush(self) -> bool:
        """Send what waits, as far as the channel takes it; return whether nothing waits any more. Raises ``OSError``."""
        while self._pending:
            try:
                self._channel.send(self._pending[0], socket.MSG_DONTWAIT)
            except OSError as problem:
                if problem.errno in (errno.EAGAIN, errno.ENOBUFS):
                    return False
                raise
            self._pending.popleft()
        return True
