"""A picture of the front's state: what is served, who is connected, what is counted."""

from __future__ import annotations

from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.front.sessions.status import status
from superd.policy.penalties import Cause
from superd.settings import Settings
from superd.status import PenaltyStatus, SessionStatus
from tests.front.fakes import CLIENT, Parts, service


def test_the_picture_is_of_what_is_in_force_and_lives() -> None:
    parts, force, room = Parts(), InForce(Settings()), WaitingRoom()
    room.configure(Settings())
    one = service("one")
    force.services = {"two": service("two"), "one": one}
    parts.book.started(parts.book.enter(one, CLIENT, 990.0), 77)
    room.enter(one, CLIENT)
    parts.sensors.ban((4, CLIENT.number), "sensor trap", 300.0, 1000.0)
    state = status(force, parts.book, parts.counts, parts.sensors, room, _Queue(), _left, 1000.0)
    assert [(each.name, each.running, each.leftovers, each.waiting) for each in state.services] == [
        ("one", 1, 0, 4),
        ("two", 0, 3, 0),
    ]
    assert state.sessions == (SessionStatus(1, "one", "192.0.2.7:4711", 77, "running", 10.0),)
    assert (state.undecided, state.bans) == (1, 1)
    assert "penalty of all services: 192.0.2.7 left=300s refused=0 (sensor trap 1)\n" in state.text()


class _Queue:
    def waiting(self, service: str) -> int:
        return {"one": 4}.get(service, 0)


def _left(name: str) -> int:
    return {"two": 3}.get(name, 0)


def test_who_is_refused_for_penalties_is_named_with_what_it_did() -> None:
    parts, force, room = Parts(), InForce(Settings()), WaitingRoom()
    room.configure(Settings())
    one = service(limits={"penalties": {"refused": 10, "signal": 30}})
    force.services = {"s": one}
    one.access.penalise(CLIENT, Cause.REFUSED, 1000.0)
    one.access.penalise(CLIENT, Cause.SIGNAL, 1000.0)
    state = status(force, parts.book, parts.counts, parts.sensors, room, _Queue(), _left, 1010.0)
    assert state.penalties == (PenaltyStatus("s", "192.0.2.7", 30.0, "refused 1, signal 1", 0),)
    assert "penalty s: 192.0.2.7 left=30s refused=0 (refused 1, signal 1)\n" in state.text()
