"""How front and panel write and read their records: text in batches over a seqpacket pair, never with a descriptor.

Runs in: front, panel. Each field is checked against the table of ``ipc/panel_messages.py``; neither side trusts the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from superd.errors import ControlError
from superd.ipc.panel_messages import ANSWER, MAX_MESSAGE, PAGE, QUESTIONS, ROWS, Answer, Kick, Question, Row

MAX_TEXT = 1024
"""Characters of one field."""
MAX_ITEMS = 256
"""Items of one list."""
MAX_NUMBER = (1 << 63) - 1
MAX_SECONDS = 1e12

_RECORD, _FIELD, _ITEM = "\x1e", "\x1f", "\x1d"
_CLEAN = {0x1D: "?", 0x1E: "?", 0x1F: "?"}


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
_LETTERS = {kind: letter for table in (QUESTIONS, ROWS, {ANSWER: Answer}) for letter, kind in table.items()}


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
    return _parsed(first, {ANSWER: Answer}), [_parsed(record, ROWS) for record in rest]
