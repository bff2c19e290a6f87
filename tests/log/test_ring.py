"""The last events, by number."""

from __future__ import annotations

from superd.log.event import Event, Kind
from superd.log.ring import KEPT, Ring
from superd.syslog_priority import Level


def filled(count: int) -> Ring:
    ring = Ring()
    for number in range(count):
        ring.add(Event(Kind.MESSAGE, Level.INFO, 0.0, text=str(number + 1)))
    return ring


def test_events_are_numbered_and_the_oldest_go() -> None:
    ring = filled(KEPT + 5)
    found = [(number, event.text) for number, event in ring.after(0)]
    assert len(found) == KEPT
    assert found[0] == (6, "6")
    assert found[-1] == (KEPT + 5, str(KEPT + 5))


def test_what_is_known_is_not_given_again() -> None:
    ring = filled(5)
    assert [number for number, _ in ring.after(3)] == [4, 5]
    assert list(ring.after(5)) == []


def test_a_number_of_another_ring_gives_everything() -> None:
    assert len(list(filled(5).after(77))) == 5
    assert list(Ring().after(0)) == []
