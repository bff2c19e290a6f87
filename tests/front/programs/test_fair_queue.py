"""Turns: of services, of sources within a service, and what goes before all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.front.programs.fair_queue import FairQueue


def all_of(queue: FairQueue[str]) -> list[str]:
    return [queue.take() for _ in range(queue.length)]


def test_services_take_turns_and_sources_within_them() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(3):
        queue.put("a", 1, f"a1.{number}")
    queue.put("a", 2, "a2")
    queue.put("b", 1, "b1")
    queue.put_first("now")
    assert all_of(queue) == ["now", "a1.0", "b1", "a2", "a1.1", "a1.2"]
    assert queue.length == 0
    with pytest.raises(StopIteration):
        queue.take()


def test_what_follows_a_launch_goes_with_its_lane_or_nowhere() -> None:
    queue: FairQueue[str] = FairQueue()
    assert not queue.put_after("a", 1, "signal")
    queue.put("a", 1, "launch")
    assert queue.put_after("a", 1, "signal")
    assert not queue.put_after("a", 2, "signal")
    assert all_of(queue) == ["launch", "signal"]


def test_a_cleared_queue_is_empty() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a", 1, "x")
    queue.put_first("y")
    assert sorted(queue) == ["x", "y"]
    queue.clear()
    assert (list(queue), queue.length, queue.count("a")) == ([], 0, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=40), st.integers(0, 40))
def test_each_item_comes_once_in_the_order_of_its_source_and_none_waits_for_more_than_the_others_turns(
    puts: list[tuple[str, int]], taken: int
) -> None:
    queue: FairQueue[tuple[str, int, int]] = FairQueue()
    for number, (service, source) in enumerate(puts):
        queue.put(service, source, (service, source, number))
    found = []
    for _ in range(min(taken, len(puts))):
        waiting = {service for service in "abc" if queue.count(service)}
        found.append(queue.take())
        assert sum(queue.count(service) for service in "abc") == queue.length
        # Between two turns of a service each other one that waits has one.
        last = [item[0] for item in found][-len(waiting) :]
        if len(found) >= len(waiting) and set(last) <= waiting:
            assert len(set(last)) == len(last)
    found += [queue.take() for _ in range(queue.length)]
    assert sorted(item[2] for item in found) == list(range(len(puts)))
    for lane in {(service, source) for service, source in puts}:
        numbers = [number for service, source, number in found if (service, source) == lane]
        assert numbers == sorted(numbers)
