"""What front and relay say to each other: fixed records, a closed table, every field checked by its reader. Sends nothing.

Runs in the front and in relays; standard library only. One message is a batch of records over a seqpacket pair, with the
descriptors of its sessions next to it, in the same order. Neither end trusts the other: both read strangers' bytes.

    front → relay                                     relay → front
    C carry   number, mode, limits, label, fds        T over    number, counts, seconds, reason, errno, label
    E end     number                                  A living  number, seconds, label
    Q list    question                                Z listed  question
    P ping    question                                P alive   question
                                                      H secured number, facts
"""

from __future__ import annotations

import struct

from superd.errors import ControlError

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_MESSAGE = 32768
"""Bytes of one message: a batch of the longest records fits."""
MAX_RECORDS = 48
"""Records of one message: three descriptors each stay below the 253 that the kernel passes at once (SCM_MAX_FD)."""
MAX_LABEL = 512
"""Bytes of a label: a service's name and a peer's address."""
MAX_FACTS = 4096
"""Bytes of what a handshake has shown: names that a client's certificate has."""
MAX_NUMBER = (1 << 63) - 1
MAX_SECONDS = 1e9

RELAY, ECHO, DISCARD, CHARGEN, PIPE, PTY, TLS = range(1, 8)
DESCRIPTORS = {RELAY: 2, ECHO: 1, DISCARD: 1, CHARGEN: 1, PIPE: 3, PTY: 2, TLS: 2}
"""How a session is carried → how many descriptors it has: the client first, then

``RELAY`` the other socket, ``TLS`` that of plain bytes,
``PIPE`` the program's standard input (to write) and output (to read), ``PTY`` the terminal."""

SPARE_FILES = 128
"""Descriptors that a relay keeps free of sessions: for pipes, and for what a message brings."""

CLIENT, OTHER, BROKEN, IDLE, SESSION, KILLED, NO_ROOM, FAULT, HANDSHAKE = range(9)
REASONS = {
    CLIENT: "client",
    OTHER: "other",
    BROKEN: "broken",
    IDLE: "idle",
    SESSION: "session",
    KILLED: "killed",
    NO_ROOM: "no room",
    FAULT: "fault",
    HANDSHAKE: "handshake",
}
"""Why a session is over: all is said, and the client or the other side ended first; one of them broke it; a limit; the front's
word; the relay's own lack of descriptors, or its fault; the handshake failed."""

_REQUEST = struct.Struct("<cQBddH")
_REPORT = struct.Struct("<cQQQdBHH")


class Carry:
    """Carry this session. ``idle`` and ``session`` in seconds, 0 for no limit; ``label`` comes back with its reports.

    Of a ``TLS`` session ``session`` is the time for the client's first byte after its handshake.
    """

    __slots__ = ("idle", "label", "mode", "number", "session")

    def __init__(self, number: int, mode: int, idle: float, session: float, label: bytes) -> None:
        self.number = number
        self.mode = mode
        self.idle = idle
        self.session = session
        self.label = label


class End:
    """End this session at once."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class List:
    """Name every living session; ``question`` comes back after the last."""

    __slots__ = ("question",)

    def __init__(self, question: int) -> None:
        self.question = question


class Ping:
    """Say that you live."""

    __slots__ = ("question",)

    def __init__(self, question: int) -> None:
        self.question = question


class Over:
    """A session is over. ``received`` bytes came from the client, ``sent`` went to it; ``errno`` belongs to ``reason``."""

    __slots__ = ("errno", "label", "number", "reason", "received", "seconds", "sent")

    def __init__(
        self, number: int, received: int, sent: int, seconds: float, reason: int, errno: int = 0, label: bytes = b""
    ) -> None:
        self.number = number
        self.received = received
        self.sent = sent
        self.seconds = seconds
        self.reason = reason
        self.errno = errno
        self.label = label


class Secured:
    """What a handshake has shown, as JSON: an object of texts. Where it failed, ``error`` says why, and an ``Over`` follows."""

    __slots__ = ("facts", "number")

    def __init__(self, number: int, facts: bytes) -> None:
        self.number = number
        self.facts = facts


class Living:
    """A session lives, ``seconds`` old."""

    __slots__ = ("label", "number", "seconds")

    def __init__(self, number: int, seconds: float, label: bytes) -> None:
        self.number = number
        self.seconds = seconds
        self.label = label


class Listed:
    """All living sessions were named."""

    __slots__ = ("question",)

    def __init__(self, question: int) -> None:
        self.question = question


class Alive:
    """The answer to a ping."""

    __slots__ = ("question",)

    def __init__(self, question: int) -> None:
        self.question = question


Request = Carry | End | List | Ping
Report = Over | Living | Listed | Alive | Secured


def files_for_sessions(limit: int) -> int:
    """Return how many descriptors all sessions of a relay may have, under this RLIMIT_NOFILE."""
    limit = min(limit, 1 << 20) if limit >= 0 else 1 << 20
    return limit - min(SPARE_FILES, limit // 4)


def encode_request(request: Request) -> bytes:
    """The front's side: one record."""
    match request:
        case Carry():
            label = request.label[:MAX_LABEL]
            return _REQUEST.pack(b"C", request.number, request.mode, request.idle, request.session, len(label)) + label
        case End():
            return _REQUEST.pack(b"E", request.number, 0, 0, 0, 0)
        case List():
            return _REQUEST.pack(b"Q", request.question, 0, 0, 0, 0)
        case Ping():
            return _REQUEST.pack(b"P", request.question, 0, 0, 0, 0)


def encode_report(report: Report) -> bytes:
    """The relay's side: one record."""
    match report:
        case Over():
            return (
                _REPORT.pack(
                    b"T", report.number, report.received, report.sent, report.seconds, report.reason, report.errno,
                    len(report.label),
                )
                + report.label
            )  # fmt: skip
        case Living():
            return _REPORT.pack(b"A", report.number, 0, 0, report.seconds, 0, 0, len(report.label)) + report.label
        case Listed():
            return _REPORT.pack(b"Z", report.question, 0, 0, 0, 0, 0, 0)
        case Alive():
            return _REPORT.pack(b"P", report.question, 0, 0, 0, 0, 0, 0)
        case Secured():
            return _REPORT.pack(b"H", report.number, 0, 0, 0, 0, 0, len(report.facts)) + report.facts


def batches(records: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Records as messages, each with the number of records in it."""
    message: list[bytes] = []
    size = 0
    for record in records:
        if message and (size + len(record) > MAX_MESSAGE or len(message) == MAX_RECORDS):
            yield b"".join(message), len(message)
            message, size = [], 0
        message.append(record)
        size += len(record)
    if message:
        yield b"".join(message), len(message)


def _records(data: bytes, layout: struct.Struct, most: int = MAX_LABEL) -> Iterator[tuple[tuple[object, ...], bytes]]:
    """Each record's fields except the label's length, and the label."""
    if len(data) > MAX_MESSAGE:
        raise ControlError("message is too long")
    at = count = 0
    while at < len(data):
        count += 1
        if count > MAX_RECORDS or len(data) - at < layout.size:
            raise ControlError("message is not a batch")
        *fields, length = layout.unpack_from(data, at)
        at += layout.size
        label = data[at : at + length]
        if length > most or len(label) != length:
            raise ControlError("a label is wrong")
        at += length
        yield tuple(fields), label


def _checked(number: int, *seconds: float) -> int:
    if number > MAX_NUMBER:
        raise ControlError("a number is out of bounds")
    for value in seconds:
        if not 0 <= value <= MAX_SECONDS:  # also false for what is not a number
            raise ControlError("a time is out of bounds")
    return number


def parse_requests(data: bytes) -> list[Request]:
    """The relay's side: every record of a message. Raises ``ControlError``; then none of it counts."""
    found: list[Request] = []
    for fields, label in _records(data, _REQUEST):
        match fields:
            case (b"C", int(number), int(mode), float(idle), float(session)) if mode in DESCRIPTORS:
                found.append(Carry(_checked(number, idle, session), mode, idle, session, label))
            case (b"E", int(number), 0, 0, 0) if not label:
                found.append(End(_checked(number)))
            case (b"Q", int(number), 0, 0, 0) if not label:
                found.append(List(_checked(number)))
            case (b"P", int(number), 0, 0, 0) if not label:
                found.append(Ping(_checked(number)))
            case _:
                raise ControlError("a record is not in the table")
    return found


def parse_reports(data: bytes) -> list[Report]:
    """The front's side: every record of a message. Raises ``ControlError``; then none of it counts."""
    found: list[Report] = []
    for fields, label in _records(data, _REPORT, MAX_FACTS):
        match fields:
            case (b"T", int(number), int(received), int(sent), float(seconds), int(reason), int(errno)) if (
                reason in REASONS and received >> 62 == 0 and sent >> 62 == 0 and len(label) <= MAX_LABEL
            ):
                found.append(Over(_checked(number, seconds), received, sent, seconds, reason, errno, label))
            case (b"A", int(number), 0, 0, float(seconds), 0, 0) if len(label) <= MAX_LABEL:
                found.append(Living(_checked(number, seconds), seconds, label))
            case (b"H", int(number), 0, 0, 0, 0, 0):
                found.append(Secured(_checked(number), label))
            case (b"Z", int(number), 0, 0, 0, 0, 0) if not label:
                found.append(Listed(_checked(number)))
            case (b"P", int(number), 0, 0, 0, 0, 0) if not label:
                found.append(Alive(_checked(number)))
            case _:
                raise ControlError("a record is not in the table")
    return found
