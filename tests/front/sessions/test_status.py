"""A picture of the front's state: what is served, who is connected, what is counted."""

from __future__ import annotations

from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.front.sessions.status import status
from superd.settings import Settings
from superd.status import SessionStatus
from tests.front.fakes import CLIENT, Parts, service


def test_the_picture_is_of_what_is_in_force_and_lives() -> None:
    parts, force, room = Parts(), InForce(Settings()), WaitingRoom()
    room.configure(Settings())
    one = service("one")
    force.services = {"two": service("two"), "one": one}
    parts.book.started(parts.book.enter(one, CLIENT, 990.0), 77)
    room.enter(one, CLIENT)
    parts.bans.ban(CLIENT, 5, 1000.0)
    state = status(force, parts.book, parts.counts, parts.bans, room, _left, 1000.0)
    assert [(each.name, each.running, each.leftovers) for each in state.services] == [("one", 1, 0), ("two", 0, 3)]
    assert state.sessions == (SessionStatus(1, "one", "192.0.2.7:4711", 77, "running", 10.0),)
    assert (state.undecided, state.bans) == (1, 1)


def _left(name: str) -> int:
    return {"two": 3}.get(name, 0)
