"""The table of what front and panel may say is closed: each kind has its letter, and fields of known types alone."""

from __future__ import annotations

from typing import get_args

from superd.ipc import panel_messages as messages


def test_every_kind_has_a_letter_and_no_letter_has_two() -> None:
    assert {kind.__name__ for kind in messages.QUESTIONS.values()} == {kind.__name__ for kind in get_args(messages.Question)}
    assert {kind.__name__ for kind in messages.ROWS.values()} == {kind.__name__ for kind in get_args(messages.Row)}
    letters = [*messages.QUESTIONS, *messages.ROWS, messages.ANSWER]
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 for letter in letters)


def test_every_field_has_a_type_that_is_checked_on_the_way() -> None:
    kinds = (*messages.QUESTIONS.values(), *messages.ROWS.values(), messages.Answer)
    types = {hint.__forward_arg__ for kind in kinds for hint in kind.__annotations__.values()}
    assert types == {"str", "int", "float", "bool", "tuple[str, ...]"}


def test_a_question_begins_with_its_number() -> None:
    assert {next(iter(kind.__annotations__)) for kind in messages.QUESTIONS.values()} == {"number"}


def test_buckets_grow() -> None:
    for buckets in (messages.SECONDS, messages.LAUNCH):
        assert list(buckets) == sorted(set(buckets))
