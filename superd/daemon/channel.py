"""What master and front say to each other, over one seqpacket pair. Never read anywhere else.

Master to front: whole values, pickled, with sockets beside them. The front trusts the master, which is root.
Front to master: one short JSON object of a closed table, checked field by field: the front reads the network's bytes and
is not trusted with anything (OpenSSH's monitor is the model).
"""

from __future__ import annotations

import array
import json
import os
import pickle
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from superd.errors import ControlError

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.daemon.policy_files import PolicyFiles
    from superd.service import Service
    from superd.settings import Settings

MAX_FDS = 200
"""Descriptors in one message; the kernel takes 253 (SCM_MAX_FD)."""
MAX_REQUEST = 4096
"""Bytes of one message from the front."""
MAX_DUMP = 4 << 20
"""Bytes of a state dump."""

_FDS = b"F"
_VALUE = b"V"
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Apply:
    """A new state of things for the front: what changed, and the sockets that go with it.

    ``sockets`` and ``launchers`` name the descriptors of the message in this order: first listeners, then launchers,
    then log files. ``profiles`` maps a service's id to the number of the launcher that starts it.
    """

    number: int
    services: dict[str, Service]
    removed: tuple[str, ...]
    settings: Settings
    sockets: tuple[BindAddress, ...]
    listeners: dict[BindAddress, str]
    closed: tuple[BindAddress, ...]
    launchers: tuple[int, ...]
    profiles: dict[str, int]
    overrides: dict[tuple[str, str], int] = field(default_factory=dict)
    hook_profile: int | None = None
    logs: tuple[str, ...] = ()
    policy: PolicyFiles | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReply:
    """The policy files as the master read them, or why it could not (then the last good ones stay)."""

    files: PolicyFiles | None
    failure: str = ""
    launchers: tuple[int, ...] = ()
    overrides: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """Accept nothing more. ``end``: end what runs within ``grace`` seconds; else leave programs running."""

    end: bool
    grace: float


@dataclass(frozen=True, slots=True)
class Dump:
    """Send the state back, as text."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program whose launcher died ended with this wait(2) status; the master is who inherited it."""

    pid: int
    status: int


Order = Ended | Apply | PolicyReply | Stop | Dump

_REQUESTS: dict[str, frozenset[str]] = {
    "ready": _NONE,
    "applied": frozenset({"number"}),
    "policy": _NONE,
    "status": frozenset({"text"}),
    "dump": frozenset({"size"}),
    "stopped": _NONE,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One word of the front's, with its number or text."""

    word: Literal["ready", "applied", "policy", "status", "dump", "stopped"]
    number: int = 0
    text: str = ""


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends; the first is the master's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_order(channel: socket.socket, order: Order, fds: tuple[int, ...] = ()) -> None:
    """Master's side. Blocks only while the front does not read. Raises ``OSError`` when it is gone."""
    for start in range(0, len(fds), MAX_FDS):
        socket.send_fds(channel, [_FDS], list(fds[start : start + MAX_FDS]))
    memory = os.memfd_create("superd-order", os.MFD_CLOEXEC)
    with open(memory, "w+b") as file:
        pickle.dump(order, file, protocol=pickle.HIGHEST_PROTOCOL)
        file.flush()
        socket.send_fds(channel, [_VALUE], [memory])


class OrderReader:
    """Front's side: collects descriptors until the value that goes with them arrives."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._fds: list[int] = []

    def read(self) -> tuple[Order, list[int]] | None:
        """The next order and its descriptors; ``None`` while only part of it came. ``EOFError`` when the master is gone.

        Raises ``BlockingIOError`` when there is nothing to read.
        """
        fds: array.array[int] = array.array("i")
        data, ancillary, _, _ = self._channel.recvmsg(
            16, socket.CMSG_SPACE((MAX_FDS + 1) * fds.itemsize), socket.MSG_CMSG_CLOEXEC
        )
        for _level, _kind, payload in ancillary:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        if not data:
            raise EOFError("the master is gone")
        if data == _FDS:
            self._fds.extend(fds)
            return None
        with open(fds[0], "rb") as file:
            file.seek(0)
            order: Order = pickle.load(file)  # noqa: S301 - from root, over a pair that only the master holds
        collected, self._fds = self._fds, []
        return order, collected


def send_request(channel: socket.socket, word: str, *, number: int = 0, text: str = "") -> None:
    """Front's side. Raises ``OSError`` when the master is gone."""
    message: dict[str, object] = {"word": word}
    if word in ("applied", "dump"):
        message["number" if word == "applied" else "size"] = number
    if word == "status":
        message["text"] = text[:1000]
    channel.send(json.dumps(message).encode())


def dump_message(size: int) -> bytes:
    """The request that goes with a dump's descriptor."""
    return json.dumps({"word": "dump", "size": size}).encode()


def parse_request(data: bytes) -> Request:
    """Master's side: one message of the closed table, or ``ControlError``."""
    if len(data) > MAX_REQUEST:
        raise ControlError("message is too long")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise ControlError("message is not JSON") from None
    if not isinstance(message, dict):
        raise ControlError("message is not an object")
    word = message.pop("word", None)
    if not isinstance(word, str) or word not in _REQUESTS or frozenset(message) != _REQUESTS[word]:
        raise ControlError("message is not in the table")
    number, text = message.get("number", message.get("size", 0)), message.get("text", "")
    if type(number) is not int or not 0 <= number < 1 << 31 or not isinstance(text, str):
        raise ControlError("a field has the wrong type")
    if word == "dump" and number > MAX_DUMP:
        raise ControlError("the dump is too long")
    return Request(word, number, text)  # type: ignore[arg-type]
