"""What front and panel say to each other: questions and answers as records of text. A closed table, each field checked.

What: the records, and how they travel: batches over a seqpacket pair that the master makes, never with a descriptor.
Runs in: front, panel. Neither trusts the other: the front reads strangers' bytes, the panel operators' ones.
Never: answers a question.

A message from the panel is one question. The front's answer is one message: ``Answer``, then rows. A list has pages: a question
names the last key that is known, and the answer says where the next page begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from superd.errors import ControlError

MAX_MESSAGE = 192 * 1024
"""Bytes of one message; a page of the longest rows fits into it."""
PAGE = 128
"""Rows of one answer: making them costs the front less than a millisecond."""
MAX_TEXT = 1024
"""Characters of one field."""
MAX_ITEMS = 256
"""Items of one list."""
MAX_NUMBER = (1 << 63) - 1
MAX_SECONDS = 1e12

_RECORD, _FIELD, _ITEM = "\x1e", "\x1f", "\x1d"
_CLEAN = {0x1D: "?", 0x1E: "?", 0x1F: "?"}


# ---------------------------------------------------------------------------------------------------- questions


class AskFront(NamedTuple):
    """How is the front as a whole? Answered by one ``FrontRow``."""

    number: int


class AskServices(NamedTuple):
    """The services after this name: ``ServiceRow``."""

    number: int
    after: str


class AskService(NamedTuple):
    """All about one service: ``ServiceRow``, ``MinutesRow``, ``ReasonRow``, ``ListenerRow``; nothing where it is not served."""

    number: int
    service: str


class AskMinutes(NamedTuple):
    """The last hour of the services after this name: ``MinutesRow``."""

    number: int
    after: str


class AskSessions(NamedTuple):
    """The live sessions with connection numbers above ``after``, of one service or of all (""): ``SessionRow``."""

    number: int
    service: str
    after: int


class AskEvents(NamedTuple):
    """The events in the ring after number ``after``: ``EventRow``."""

    number: int
    after: int


class AskBans(NamedTuple):
    """How often each ban refused a connection, from ban ``after`` on: ``BanRow``."""

    number: int
    after: int


class AskClient(NamedTuple):
    """What is in force for a client of a service: ``ClientRow``; nothing where the service is not served."""

    number: int
    service: str
    address: str


class AskCounts(NamedTuple):
    """Counts since the front began, of the services after this name: ``CountRow``."""

    number: int
    after: str


class Kick(NamedTuple):
    """End a session: SIGTERM, and SIGKILL after its service's grace; ``now``: SIGKILL at once. ``ban``: because of a ban.

    Answered by its ``SessionRow``, or by nothing where it is over.
    """

    number: int
    conn: int
    now: bool
    ban: bool


# ---------------------------------------------------------------------------------------------------- answers


class Answer(NamedTuple):
    """Rows of the answer to question ``number`` follow. ``more`` is the key after which the next page begins, or ""."""

    number: int
    more: str


class FrontRow(NamedTuple):
    """The front as a whole. ``waiting`` connections have no verdict yet; ``sensor`` addresses were banned by sensors.

    ``log_waiting`` records wait for slow log targets, ``log_lost`` were dropped since the front began, ``age`` seconds ago.
    """

    sessions: int
    waiting: int
    sensor: int
    log_waiting: int
    log_lost: int
    lag: float
    age: float


class ServiceRow(NamedTuple):
    """One service. ``limit`` and ``per_source`` are -1 where there is none.

    ``full`` is how long its limit has refused clients, in whole minutes of seconds, 0 while it does not. ``worst`` is the
    reason of most refusals of the last hour. ``failing``: its last start failed.
    """

    name: str
    addresses: tuple[str, ...]
    runs: str
    user: str
    running: int
    limit: int
    per_source: int
    leftovers: int
    minute: int
    hour: int
    refused_minute: int
    refused_hour: int
    worst: str
    full: float
    failing: str


class MinutesRow(NamedTuple):
    """The last 60 minutes of a service, the oldest first: sessions that began, and refusals."""

    service: str
    served: tuple[str, ...]
    refused: tuple[str, ...]


class ReasonRow(NamedTuple):
    """Refusals of a service for one reason: in the last hour, since the front began, and the last client."""

    service: str
    reason: str
    hour: int
    total: int
    peer: str
    ago: float
    detail: str


class SessionRow(NamedTuple):
    """One live session. ``rule`` is the place of the rule that admitted it; ``age`` and ``wait`` are seconds."""

    conn: int
    service: str
    peer: str
    name: str
    user: str
    local: str
    pid: int
    stage: str
    age: float
    rule: str


class EventRow(NamedTuple):
    """One event. ``when`` is wall-clock seconds. A key begins with the type of its value: s, i or f."""

    sequence: int
    when: float
    level: str
    event: str
    service: str
    session: str
    text: str
    keys: tuple[str, ...]
    values: tuple[str, ...]


class BanRow(NamedTuple):
    """How often a ban refused a connection since the front began."""

    prefix: str
    service: str
    hits: int


class ClientRow(NamedTuple):
    """What is in force for a client: the prefix of the ban that refuses it, whether a sensor banned it, and what runs.

    ``of_source`` of the running sessions are of its source; limits are -1 where there is none.
    """

    ban: str
    sensor: bool
    running: int
    limit: int
    of_source: int
    source_limit: int


class CountRow(NamedTuple):
    """Counts of one service since the front began. Lists of numbers are texts; ``reasons`` belong to ``refused``.

    ``seconds`` counts sessions by their length, ``launch`` starts by the time from accept to start, in the buckets of
    ``SECONDS`` and ``LAUNCH``; each has one more, for what is longer. ``exits`` are by kind: exit 0, another status, a signal.
    """

    service: str
    started: int
    running: int
    limit: int
    reasons: tuple[str, ...]
    refused: tuple[str, ...]
    seconds: tuple[str, ...]
    seconds_sum: float
    launch: tuple[str, ...]
    launch_sum: float
    exits: tuple[str, ...]


SECONDS = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
LAUNCH = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)

Question = (
    AskFront | AskServices | AskService | AskMinutes | AskSessions | AskEvents | AskBans | AskClient | AskCounts | Kick
)  # fmt: skip
Row = FrontRow | ServiceRow | MinutesRow | ReasonRow | SessionRow | EventRow | BanRow | ClientRow | CountRow

QUESTIONS: dict[str, type[Any]] = {
    "f": AskFront, "s": AskServices, "d": AskService, "m": AskMinutes, "l": AskSessions, "e": AskEvents, "b": AskBans,
    "c": AskClient, "n": AskCounts, "k": Kick,
}  # fmt: skip
ROWS: dict[str, type[Any]] = {
    "F": FrontRow, "S": ServiceRow, "M": MinutesRow, "R": ReasonRow, "L": SessionRow, "E": EventRow, "B": BanRow,
    "C": ClientRow, "N": CountRow,
}  # fmt: skip
_ANSWER = "A"


# ---------------------------------------------------------------------------------------------------- the codec


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ControlError("a text is too long")
    return value


def _number(value: str) -> int:
    digits = value[1:] if value[:1] == "-" else value
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:
        raise ControlError("a number is wrong")
    number = int(value)
    if not -1 <= number <= MAX_NUMBER:
        raise ControlError("a number is out of bounds")
    return number


def _seconds(value: str) -> float:
    try:
        seconds = float(value) if len(value) <= 32 else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_SECONDS:  # also false for what is not a number
        raise ControlError("a time is wrong")
    return seconds


def _truth(value: str) -> bool:
    if value not in ("0", "1"):
        raise ControlError("a truth value is wrong")
    return value == "1"


def _items(value: str) -> tuple[str, ...]:
    items = tuple(value.split(_ITEM)[1:])
    if len(items) > MAX_ITEMS:
        raise ControlError("a list is too long")
    return tuple(map(_text, items))


_READERS: dict[str, Callable[[str], object]] = {
    "str": _text, "int": _number, "float": _seconds, "bool": _truth, "tuple[str, ...]": _items,
}  # fmt: skip
_FIELDS = {
    kind: tuple(_READERS[annotation.__forward_arg__] for annotation in kind.__annotations__.values())
    for kind in (*QUESTIONS.values(), *ROWS.values(), Answer)
}
_LETTERS = {kind: letter for table in (QUESTIONS, ROWS, {_ANSWER: Answer}) for letter, kind in table.items()}


def _written(value: object) -> str:
    if type(value) is str:
        return value.translate(_CLEAN)[:MAX_TEXT]
    if type(value) is bool:
        return "1" if value else "0"
    if type(value) is tuple:
        # Each item after its mark, so that no item and one empty item differ.
        return "".join(_ITEM + item.translate(_CLEAN)[:MAX_TEXT] for item in value[:MAX_ITEMS])
    if isinstance(value, str):  # a reason, whose repr would be its name
        return _written(str(value))
    return repr(value)


def _record(value: tuple[Any, ...]) -> str:
    return _FIELD.join((_LETTERS[type(value)], *map(_written, value)))


def encode_question(question: Question) -> bytes:
    """The panel's side: one message."""
    return _record(question).encode("utf-8", "replace")


def encode_answer(number: int, rows: Iterable[Row], key: Callable[[Any], object] = lambda row: "", most: int = PAGE) -> bytes:
    """The front's side: one message with as many of ``rows`` as a page holds. ``key`` names a row for the next question."""
    records: list[str] = []
    size, last = 256, None
    more = ""
    for row in rows:
        record = _record(row)
        size += 1 + (len(record) if record.isascii() else len(record.encode("utf-8", "replace")))
        if len(records) == most or size > MAX_MESSAGE:
            more = str(key(last))
            break
        records.append(record)
        last = row
    return _RECORD.join((_record(Answer(number, more)), *records)).encode("utf-8", "replace")


def _decoded(data: bytes) -> str:
    if len(data) > MAX_MESSAGE:
        raise ControlError("message is too long")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ControlError("message is not text") from None


def _parsed(record: str, table: dict[str, type[Any]]) -> Any:
    letter, *fields = record.split(_FIELD)
    kind = table.get(letter)
    if kind is None:
        raise ControlError("a record is not in the table")
    readers = _FIELDS[kind]
    if len(fields) != len(readers):
        raise ControlError("a record has the wrong number of fields")
    return kind(*(read(field) for read, field in zip(readers, fields, strict=True)))


def parse_question(data: bytes) -> Question:
    """The front's side: one question. Raises ``ControlError`` for anything else."""
    question: Question = _parsed(_decoded(data), QUESTIONS)
    if question.number < 0 or (isinstance(question, Kick) and question.conn < 0):
        raise ControlError("a number is out of bounds")
    return question


def parse_answer(data: bytes) -> tuple[Answer, list[Row]]:
    """The panel's side: an answer with its rows. Raises ``ControlError``; then none of it counts."""
    first, *rest = _decoded(data).split(_RECORD)
    if len(rest) > 4 * PAGE:
        raise ControlError("an answer has too many rows")
    return _parsed(first, {_ANSWER: Answer}), [_parsed(record, ROWS) for record in rest]
