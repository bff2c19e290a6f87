"""Values of ``@frozen`` compare, hash and take no attribute that they do not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from superd.frozen import frozen


@frozen
class Pair:
    one: int
    other: str = ""


@frozen
class Named:
    one: int

    def __repr__(self) -> str:
        return "first"


def test_values_are_equal_by_their_fields_and_can_be_keys() -> None:
    assert Pair(1, "a") == Pair(1, "a") != Pair(2, "a")
    assert {Pair(1): "found"}[Pair(1, "")] == "found"
    assert replace(Pair(1, "a"), other="b") == Pair(1, "b")


def test_a_value_reads_as_it_is_written() -> None:
    assert repr(Pair(1, "a")) == "Pair(one=1, other='a')"
    assert repr(Named(1)) == "first"


def test_there_is_no_room_for_another_attribute() -> None:
    with pytest.raises(AttributeError):
        setattr(Pair(1), "third", 3)  # noqa: B010 - the type checker refuses the plain form
