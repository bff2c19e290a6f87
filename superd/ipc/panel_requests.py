"""Requests: what the panel may ask of the master, and the master's messages to it. A closed table, checked field by field.

What: one short JSON object over a seqpacket pair; a change comes with the connection of the operator who asked for it, whose
credentials the master reads itself. The master's messages are JSON in sealed memory, some with descriptors.
Runs in: panel (sends), master (receives; it trusts nothing of it).
Never: carries a request out.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from superd.errors import ControlError
from superd.frozen import frozen
from superd.ipc import descriptors
from superd.ipc.closed_message import message_of
from superd.system.closing import let_all_go
from superd.wishes import MAX_HOLDS, MAX_TEXT, parse_prefix

MAX_REQUEST = 65536
"""Bytes of one request: the names of all services that are to be paused."""
MAX_MESSAGE = 16 << 20
"""Bytes of a message of the master: all bans, or all changes of a reload."""
MAX_NUMBER = (1 << 31) - 1
MAX_FDS = 8
"""Descriptors of one message of the master: the listeners and one pair."""
MAX_NAME = 256

BEGIN, FRONT, ANSWER = b"B", b"F", b"A"
"""Kinds of messages of the master: the panel's configuration with its listeners; a new pair to the front; an answer."""


def _text(value: object, most: int = MAX_TEXT) -> bool:
    return type(value) is str and len(value) <= most


def _name(value: object) -> bool:
    return _text(value, MAX_NAME)


def _names(value: object) -> bool:
    return type(value) is list and len(value) <= MAX_HOLDS and all(map(_name, value))


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_NUMBER


def _truth(value: object) -> bool:
    return type(value) is bool


def _seconds(value: object) -> bool:
    """Seconds from now, 0 for ever; at most a century."""
    return isinstance(value, (int, float)) and type(value) is not bool and math.isfinite(value) and 0 <= value <= 3.2e9


def _prefix(value: object) -> bool:
    try:
        return type(value) is str and len(value) <= 64 and parse_prefix(value) == value
    except ValueError:
        return False


@frozen
class Accepts:
    """The fields of a word besides its number, whether it changes something, and what it costs of the panel's budget."""

    fields: Mapping[str, Callable[[object], bool]]
    changes: bool
    cost: float = 1.0


TABLE: dict[str, Accepts] = {
    "state": Accepts({}, changes=False),
    "wishes": Accepts({}, changes=False),
    "events": Accepts({"after": _number}, changes=False),
    "reload": Accepts({"dry_run": _truth}, changes=True),
    "ban": Accepts({"prefix": _prefix, "service": _name, "seconds": _seconds, "because": _text}, changes=True),
    "unban": Accepts({"prefix": _prefix, "service": _name}, changes=True),
    "hold": Accepts({"services": _names, "refuse": _truth, "drain": _truth, "because": _text}, changes=True),
    "release": Accepts({"services": _names}, changes=True),
}


@frozen
class Request:
    """One request of the table. ``number`` comes back with its answer."""

    word: str
    number: int
    fields: Mapping[str, Any]


def parse_request(data: bytes) -> Request:
    """Return one request. Raises ``ControlError`` for anything else."""
    message = message_of(data, MAX_REQUEST)
    word, number = message.pop("word", None), message.pop("number", None)
    rule = TABLE.get(word) if isinstance(word, str) else None
    if rule is None or not isinstance(word, str) or message.keys() != rule.fields.keys():
        raise ControlError("message is not in the table")
    if not _number(number) or not all(check(message[name]) for name, check in rule.fields.items()):
        raise ControlError("a field is wrong")
    assert type(number) is int
    return Request(word, number, message)


def receive_request(channel: socket.socket) -> tuple[Request, socket.socket | None]:
    """Return the next request and the operator's connection, the caller's, if the word has one.

    Raises ``ControlError``, ``EOFError`` for the end or an empty message, ``OSError`` as recvmsg.
    """
    data, fds, truncated = descriptors.receive_with(channel, MAX_REQUEST, 1)
    try:
        if not data:
            raise EOFError("the panel is gone")
        request = parse_request(data)
        if truncated or len(fds) != int(TABLE[request.word].changes):
            raise ControlError("descriptors and request do not agree")
        if not fds:
            return request, None
        fd = fds.pop()
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            let_all_go((fd,))
            raise ControlError("a descriptor is not a socket") from None
        return request, sock
    finally:
        let_all_go(fds)


def encode_request(word: str, number: int, fields: Mapping[str, Any]) -> bytes:
    """The panel's side: one request."""
    return json.dumps({"word": word, "number": number, **fields}).encode()


def send_message(channel: socket.socket, kind: bytes, value: object, fds: Sequence[int] = ()) -> None:
    """The master's side: send a message without waiting. The descriptors stay the caller's. Raises ``OSError``."""
    memory = descriptors.as_memory("superd-panel", json.dumps(value).encode(), seal=True)
    try:
        descriptors.send_with(channel, kind, [memory, *fds], socket.MSG_DONTWAIT)
    finally:
        let_all_go((memory,))


def receive_message(channel: socket.socket) -> tuple[bytes, Any, list[int]]:
    """The panel's side: kind, value and descriptors of the next message. It trusts the master, which is root.

    Raises ``EOFError`` when the master is gone, ``OSError`` as recvmsg, also when no descriptor was free.
    """
    kind, fds, truncated = descriptors.receive_with(channel, 16, MAX_FDS)
    if not kind:
        raise EOFError("the master is gone")
    if truncated or not fds:
        let_all_go(fds)
        raise EOFError("no descriptor was free for a message")
    memory, *rest = fds
    try:
        return kind, json.loads(descriptors.from_memory(memory, MAX_MESSAGE)), rest
    finally:
        let_all_go((memory,))
