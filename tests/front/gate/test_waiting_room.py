"""Places for undecided connections: given back once, refused with the reason that the operator has to know."""

from __future__ import annotations

from superd.front.gate.waiting_room import WaitingRoom
from superd.settings import Settings
from superd.verdict import ADMITTED, Reason, Verdict
from tests.front.fakes import CLIENT, peer, service


def room(undecided: int) -> WaitingRoom:
    places = WaitingRoom()
    places.configure(Settings(undecided=undecided))
    return places


def test_a_place_is_given_back_once_however_often_it_is_left() -> None:
    places = room(2)
    first, second = places.enter(service(), CLIENT), places.enter(service(), CLIENT)
    assert first is not None
    assert second is not None
    assert places.enter(service(), CLIENT) is None
    for _ in range(3):
        first.leave()
    assert len(places) == 1


def test_one_source_leaves_places_for_the_others_and_an_exempt_source_has_no_share() -> None:
    places = room(64)
    while places.enter(service("a"), CLIENT):
        pass
    assert len(places) == 32
    assert places.enter(service("b"), CLIENT) is None
    assert places.enter(service("b"), peer("198.51.100.1")) is not None
    trusted = service("c", limits={"exempt": ["192.0.2.7"]})
    assert places.enter(trusted, CLIENT) is not None


def test_a_reload_changes_the_number_and_a_refusal_keeps_its_own_reason() -> None:
    places = room(1)
    assert places.enter(service(), CLIENT) is not None
    verdict = places.overload(ADMITTED)
    assert (verdict.reason, verdict.limit, verdict.now) == (Reason.OVERLOAD, 1, 1)
    trap = Verdict(False, Reason.SENSOR)
    assert places.overload(trap) is trap
    places.configure(Settings(undecided=2))
    assert places.enter(service(), CLIENT) is not None
