"""What master and front say to each other, over one seqpacket pair. Never read anywhere else.

Master to front: whole values, pickled, with sockets beside them. The front trusts the master, which is root.
Front to master: one short JSON object of a closed table, checked field by field: the front reads the network's bytes and
is not trusted with anything (OpenSSH's monitor is the model).
"""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import pickle
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from superd.errors import ControlError

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.policy_snapshot import Look, PolicySnapshot
    from superd.service import Service
    from superd.settings import Settings

MAX_FDS = 200
"""Descriptors in one message; the kernel takes 253 (SCM_MAX_FD)."""
MAX_REQUEST = 4096
"""Bytes of one message from the front."""
MAX_DUMP = 4 << 20
"""Bytes of a state dump."""
SEND_TIMEOUT = 5
"""Seconds the master waits for a front that reads no orders: a few hundred lie in the socket before it waits at all."""

_SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

_FDS = b"F"
_VALUE = b"V"
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Apply:
    """A new state of things for the front: what changed, and the sockets that go with it.

    ``sockets`` and ``launchers`` name the descriptors of the message in this order: first listeners, then launchers,
    then ``logs``. ``running`` are the launchers that were started for an earlier front. ``profiles`` maps a service's
    id to the numbers of the launchers that start it. ``logs`` are all log files, opened anew, by their ``log_type``;
    ``None`` where those of before stay.
    """

    number: int
    services: dict[str, Service]
    removed: tuple[str, ...]
    settings: Settings
    sockets: tuple[BindAddress, ...]
    listeners: dict[BindAddress, str]
    closed: tuple[BindAddress, ...]
    launchers: tuple[int, ...]
    running: frozenset[int]
    profiles: dict[str, tuple[int, ...]]
    overrides: dict[tuple[str, str], int] = field(default_factory=dict)
    hook_profile: int | None = None
    logs: tuple[str, ...] | None = None
    policy: PolicySnapshot | None = None


@dataclass(frozen=True, slots=True)
class PolicyReply:
    """The policy files as the master read them, or why it could not (then the last good ones stay).

    ``looked_at`` is how the files looked that the unusable tables name.
    """

    files: PolicySnapshot | None
    failure: str = ""
    looked_at: dict[str, Look] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Pairs:
    """New pairs to these launchers, whose old ones are gone with all that waited in them; those ``running`` live."""

    launchers: tuple[int, ...]
    running: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Renewed:
    """A second socket at a datagram service's ``address``, which listens from now on; or why there is none."""

    address: str
    failure: str = ""


Order = Ended | Pairs | Renewed | Apply | PolicyReply | Stop | Dump

_REQUESTS: dict[str, frozenset[str]] = {
    "ready": _NONE,
    "applied": frozenset({"number"}),
    "policy": _NONE,
    "renew": frozenset({"address"}),
    "dump": frozenset({"size"}),
    "stopped": _NONE,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One word of the front's, with its number or address."""

    word: Literal["ready", "applied", "policy", "renew", "dump", "stopped"]
    number: int = 0
    address: str = ""


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends; the first is the master's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # A front that does not read must not hold the master up: it has signals to answer and launchers to start.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT, 0))
    return ours, theirs


def send_order(channel: socket.socket, order: Order, fds: tuple[int, ...] = ()) -> None:
    """Master's side. Raises ``BlockingIOError`` when the front does not read, another ``OSError`` when it is gone."""
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

        Raises ``BlockingIOError`` when there is nothing to read, another ``OSError`` when there was no room for a descriptor.
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
        if not fds:
            raise OSError(errno.EMFILE, "no descriptor was free for an order")
        with open(fds[0], "rb") as file:
            file.seek(0)
            order: Order = pickle.load(file)  # noqa: S301 - from root, over a pair that only the master holds
        collected, self._fds = self._fds, []
        return order, collected


def send_request(channel: socket.socket, word: str, *, number: int = 0, address: str = "") -> None:
    """Front's side. Raises ``OSError`` when the master is gone."""
    message: dict[str, object] = {"word": word}
    if word == "applied":
        message["number"] = number
    if word == "renew":
        message["address"] = address
    channel.send(json.dumps(message).encode())


def send_dump(channel: socket.socket, data: bytes) -> None:
    """Front's side: the state as text, cut at ``MAX_DUMP``, in memory that nobody can change any more."""
    data = data[:MAX_DUMP]
    memory = os.memfd_create("superd-dump", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(memory, "w+b") as file:
        file.write(data)
        file.flush()
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALED)
        socket.send_fds(channel, [json.dumps({"word": "dump", "size": len(data)}).encode()], [memory])


def receive_request(channel: socket.socket) -> tuple[Request, bytes]:
    """Master's side: the next request, and the text of a dump.

    Raises ``ControlError`` for anything else, ``EOFError`` for the end or an empty message, ``OSError`` as recvmsg does.
    """
    fds: array.array[int] = array.array("i")
    # Close on exec: whatever a front sends must not reach a launcher that is started meanwhile.
    data, ancillary, flags, _ = channel.recvmsg(MAX_REQUEST + 1, socket.CMSG_SPACE(fds.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    try:
        if not data:
            raise EOFError("the front is gone")
        if flags & socket.MSG_TRUNC:
            raise ControlError("message is too long")
        request = parse_request(data)
        if len(fds) != (1 if request.word == "dump" else 0) or flags & socket.MSG_CTRUNC:
            raise ControlError("descriptors where none belong")
        return request, _read_dump(fds[0], request.number) if fds else b""
    finally:
        for fd in fds:
            os.close(fd)


def _read_dump(fd: int, size: int) -> bytes:
    # Seals: only memory has them. Reading a pipe, or a file on a server that is away, could stop the master for ever.
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        raise ControlError("the dump is no memory") from None
    if seals & _SEALED != _SEALED:
        raise ControlError("the dump is not sealed")
    return os.pread(fd, size, 0)


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
    number, address = message.get("number", message.get("size", 0)), message.get("address", "")
    if type(number) is not int or not 0 <= number < 1 << 31 or type(address) is not str:
        raise ControlError("a field has the wrong type")
    if word == "dump" and number > MAX_DUMP:
        raise ControlError("the dump is too long")
    return Request(word, number, address)  # type: ignore[arg-type]
