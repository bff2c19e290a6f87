"""Counts of the living: what enters and leaves in any order is counted as it is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from superd.occupancy import Occupancy, Source

SESSIONS = st.tuples(st.sampled_from(["a", "b"]), st.none() | st.tuples(st.just(4), st.integers(0, 2)))


@given(st.lists(SESSIONS), st.randoms())
def test_the_counts_are_those_of_the_living_and_nothing_is_left_of_the_gone(
    sessions: list[tuple[str, Source | None]], random: object
) -> None:
    counts, living = Occupancy(), list[tuple[str, Source | None]]()
    for session in sessions:
        counts.enter(*session)
        living.append(session)
        if random.random() < 0.5:  # type: ignore[attr-defined]
            counts.leave(*living.pop(0))
        assert counts.total == len(living)
        assert counts.by_service == Counter(name for name, _ in living)
        assert counts.by_source == Counter(one for one in living if one[1] is not None)
    for session in living:
        counts.leave(*session)
    assert (counts.total, counts.by_service, counts.by_source) == (0, {}, {})


def test_networks_of_several_lengths_are_counted_apart_and_go_with_the_session() -> None:
    counts = Occupancy()
    counts.enter("s", (4, 5), ((4, 5, 8), (4, 5, 16)))
    counts.enter("s", None, ((4, 5, 8),))
    assert counts.by_source == {("s", (4, 5)): 1, ("s", (4, 5, 8)): 2, ("s", (4, 5, 16)): 1}
    counts.leave("s", (4, 5), ((4, 5, 8), (4, 5, 16)))
    counts.leave("s", None, ((4, 5, 8),))
    assert counts.by_source == {}
