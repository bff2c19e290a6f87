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
