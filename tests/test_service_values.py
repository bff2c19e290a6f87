"""The values of keys: counts, modes and rates, as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from superd.service_values import Count, LogType, Mode, Target, in_order, no_rate, pairs, upper_words


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [(Count, "UNLIMITED", None), (Count, 0, 0), (Mode, "022", 0o22), (Mode, 8, 8), (Target, "", None)],
)
def test_a_text_is_its_value(kind: Any, text: object, value: object) -> None:
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(("kind", "text"), [(Count, -1), (Mode, "9"), (Mode, "77777"), (LogType, 3), (Target, "nowhere")])
def test_another_text_is_an_error(kind: Any, text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


def test_lists_and_tables_are_made_alike() -> None:
    assert upper_words("host") == ["HOST"]
    assert upper_words(["a", "B"]) == ["A", "B"]
    assert upper_words(3) == 3
    assert pairs({"a": 1}) == [("a", "1")]
    assert in_order(frozenset("ba")) == ["a", "b"]
    assert no_rate([0, 0]) is None
    assert no_rate([1, 0]) == [1, 0]
