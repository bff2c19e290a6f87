"""A picture of the front's state: what is served, who is connected, what is counted."""

from __future__ import annotations

from superd.front.in_force import InForce
from superd.front.sessions.status import status
from superd.policy.penalties import Cause
from superd.settings import Settings
from superd.status import PenaltyStatus, SessionStatus
from tests.front.fakes import CLIENT, Parts, service


def test_the_picture_is_of_what_is_in_force_and_lives() -> None:
    parts, force = Parts(), InForce(Settings())
    parts.room.configure(Settings())
    one = service("one")
    force.services = {"two": service("two"), "one": one}
    parts.book.started(parts.book.enter(one, CLIENT, 990.0), 77)
    parts.room.enter(one, CLIENT)
    parts.sensors.ban((4, CLIENT.number), "sensor trap", 300.0, 1000.0)
    state = status(parts.view(force, leftovers=3, waiting=4, ends={"two": 86400.0 * 9}), 1000.0, 86400.0 * 2)
    assert [(each.name, each.running, each.leftovers, each.waiting) for each in state.services] == [
        ("one", 1, 3, 4),
        ("two", 0, 3, 4),
    ]
    assert state.certificates == (("two", 7),)
    assert state.sessions == (SessionStatus(1, "one", "192.0.2.7:4711", 77, "running", 10.0),)
    assert (state.undecided, state.bans) == (1, 1)
    assert "penalty of all services: 192.0.2.7 left=300s refused=0 (sensor trap 1)\n" in state.text()


def test_who_is_refused_for_penalties_is_named_with_what_it_did() -> None:
    parts, force = Parts(), InForce(Settings())
    parts.room.configure(Settings())
    one = service(limits={"penalties": {"refused": 10, "signal": 30}})
    force.services = {"s": one}
    one.access.penalise(CLIENT, Cause.REFUSED, 1000.0)
    one.access.penalise(CLIENT, Cause.SIGNAL, 1000.0)
    state = status(parts.view(force), 1010.0, 0.0)
    assert state.penalties == (PenaltyStatus("s", "192.0.2.7", 30.0, "refused 1, signal 1", 0),)
    assert "penalty s: 192.0.2.7 left=30s refused=0 (refused 1, signal 1)\n" in state.text()
