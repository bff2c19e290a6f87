"""What front and panel say to each other survives the way, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc import panel_codec
from superd.ipc import panel_messages as messages

TEXT = st.text(st.characters(blacklist_characters="\x1d\x1e\x1f", blacklist_categories=["Cs"]), max_size=40)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": st.integers(-1, panel_codec.MAX_NUMBER),
    "float": st.floats(0, panel_codec.MAX_SECONDS),
    "bool": st.booleans(),
    "tuple[str, ...]": st.lists(TEXT, max_size=5).map(tuple),
}


def made(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*(_VALUES[hint.__forward_arg__] for hint in kind.__annotations__.values())).map(lambda parts: kind(*parts))


QUESTIONS = st.one_of(*map(made, messages.QUESTIONS.values())).filter(
    lambda question: question.number >= 0 and getattr(question, "conn", 0) >= 0
)
ROWS = st.one_of(*map(made, messages.ROWS.values()))


@given(QUESTIONS)
def test_a_question_survives_the_way(question: messages.Question) -> None:
    assert panel_codec.parse_question(panel_codec.encode_question(question)) == question


@given(st.integers(0, 1000), st.lists(ROWS, max_size=10))
def test_an_answer_survives_the_way(number: int, rows: list[messages.Row]) -> None:
    assert panel_codec.parse_answer(panel_codec.encode_answer(number, rows)) == (messages.Answer(number, ""), rows)


@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data: bytes) -> None:
    for parse in (panel_codec.parse_question, panel_codec.parse_answer):
        try:
            parse(data)
        except ControlError:
            continue
        assert data[:1] in b"fsdmlebcnkA"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"z\x1f1", "not in the table"),
        (b"f", "number of fields"),
        (b"f\x1f1\x1f2", "number of fields"),
        (b"f\x1f-1", "out of bounds"),
        (b"f\x1f1.5", "a number is wrong"),
        ("f\x1f١".encode(), "a number is wrong"),
        (b"f\x1f99999999999999999999", "a number is wrong"),
        (b"k\x1f1\x1f2\x1f2\x1f0", "truth"),
        (b"k\x1f1\x1f-1\x1f1\x1f0", "out of bounds"),
        (b"d\x1f1\x1f" + b"x" * 1025, "too long"),
        (b"\xff", "not text"),
    ],
)
def test_each_wrong_question_is_refused_for_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(ControlError, match=why):
        panel_codec.parse_question(data)


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e13", "x", ""])
def test_no_row_has_a_time_that_is_not_one(seconds: str) -> None:
    record = f"A\x1f1\x1f\x1eF\x1f0\x1f0\x1f0\x1f0\x1f0\x1f0\x1f{seconds}\x1f0\x1f0\x1f0\x1f0"
    with pytest.raises(ControlError, match="a time is wrong"):
        panel_codec.parse_answer(record.encode())


def test_text_of_a_peer_cannot_make_a_row() -> None:
    row = messages.BanRow("x\x1eB\x1fevil\x1f\x1f9", "y\x1fz\x1d", 1)
    _, rows = panel_codec.parse_answer(panel_codec.encode_answer(1, [row]))
    assert rows == [messages.BanRow("x?B?evil??9", "y?z?", 1)]


def test_a_page_ends_where_its_key_says() -> None:
    rows = [messages.BanRow(f"{number}", "", number) for number in range(300)]
    answer, page = panel_codec.parse_answer(panel_codec.encode_answer(1, rows, lambda row: row.prefix))
    assert len(page) == messages.PAGE
    assert answer.more == str(messages.PAGE - 1)


def test_a_page_of_long_rows_stays_below_the_limit_of_a_message() -> None:
    rows = [messages.EventRow(n, 0.0, "", "", "", "", "é" * 1024, ("k",) * 20, ("é" * 200,) * 20) for n in range(128)]
    data = panel_codec.encode_answer(1, rows, lambda row: row.sequence)
    answer, page = panel_codec.parse_answer(data)
    assert len(data) <= messages.MAX_MESSAGE
    assert 0 < len(page) < 128
    assert answer.more == str(len(page) - 1)
