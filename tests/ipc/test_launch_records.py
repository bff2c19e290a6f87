"""The words are values: equal by what they hold, and of no other kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.ipc import launch_records
from superd.ipc.launch_records import Listed, Living, Record, Signal, Started


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_two_are_equal_when_their_fields_are(one: int, two: int, three: int, four: int) -> None:
    assert (Started(one, two) == Started(three, four)) is ((one, two) == (three, four))
    assert Started(one, two) != Signal(one, two)


def test_each_says_what_it_holds_under_the_names_of_its_fields() -> None:
    assert repr(Listed(4)) == "Listed(number=4)"
    kinds = [kind for kind in vars(launch_records).values() if isinstance(kind, type) and issubclass(kind, Record)]
    for kind in kinds:
        if kind.__slots__:
            code = kind.__init__.__code__
            assert set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]) == set(kind.__slots__)
    assert Living(1, "s", 2, "x", 3.0).source == "x"
