"""A relay lists what it carries, and the next front believes it only what its own sessions can be."""

from __future__ import annotations

from typing import Any, cast

import pytest

from superd.errors import ControlError
from superd.front.relays import earlier
from superd.front.relays.carrier import Carrier
from superd.front.relays.earlier import EarlierSessions
from superd.front.relays.labels import label_of
from superd.ipc import relay_messages as messages
from superd.record import SessionRecord
from tests.front.fakes import CLIENT, Parts, service


class Link:
    """A link that keeps what is sent."""

    number, alive = 1, True

    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, request: object) -> bool:
        self.sent.append(request)
        return True

    def signal(self, conn: int, number: int) -> None:
        pass


class Made:
    def __init__(self) -> None:
        self.parts, self.link = Parts(), Link()
        self.sessions = EarlierSessions(self.parts.book, {"s": service()}, self.parts.log, self.parts.clock)
        self.carrier = Carrier(cast("Any", self.link))
        self.carrier.listing = 1

    def label(self, mode: int = messages.RELAY, name: str = "s") -> bytes:
        return label_of(SessionRecord(1, service(name).service, CLIENT, 0.0), mode)

    def lists(self, label: bytes, number: int = 12) -> None:
        self.sessions.adopt(self.carrier, messages.Living(number, 30.0, label))


def test_a_session_is_in_the_book_with_its_client_and_its_age() -> None:
    made = Made()
    made.lists(made.label())
    session = made.parts.book.get(12)
    assert session is not None
    assert made.carrier.sessions[12] == (session, messages.DESCRIPTORS[messages.RELAY])
    assert (session.record.peer, made.parts.clock() - session.record.started) == (CLIENT, 30.0)


@pytest.mark.parametrize("mode", [messages.PIPE, messages.PTY, messages.TLS])
def test_a_program_s_session_is_its_launcher_s_to_report(mode: int) -> None:
    made = Made()
    made.lists(made.label(mode))
    assert (made.carrier.sessions[12][0], len(made.parts.book)) == (None, 0)


@pytest.mark.parametrize("name", ["gone", ""])
def test_a_session_of_no_service_in_force_is_ended(name: str) -> None:
    made = Made()
    made.lists(made.label(name=name) if name else b"nonsense")
    assert [type(request) for request in made.link.sent] == [messages.End]
    assert made.carrier.sessions[12][0] is None


def test_a_list_that_was_not_asked_for_too_long_or_of_anothers_session_is_a_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    made.lists(made.label())
    made.lists(made.label())  # once for each front that asked
    assert len(made.parts.book) == len(made.carrier.sessions) == 1
    mine, made.carrier = made.carrier, Carrier(cast("Any", made.link))
    made.carrier.listing = 1
    with pytest.raises(ControlError, match="a session of another"):
        made.lists(made.label())
    made.carrier = mine
    monkeypatch.setattr(earlier, "MAX_ADOPTED", 1)
    with pytest.raises(ControlError, match="not asked for"):
        made.lists(made.label(), 13)
    made.carrier.sessions.clear()
    made.carrier.listing = 0
    with pytest.raises(ControlError, match="not asked for"):
        made.lists(made.label(), 13)


def test_what_ended_before_it_was_asked_for_has_its_line_and_a_program_s_has_not() -> None:
    made = Made()
    for mode in (messages.RELAY, messages.PIPE, messages.TLS):
        made.sessions.log_forgotten(messages.Over(12, 3, 4, 2.0, messages.CLIENT, 0, made.label(mode)))
    assert [(event[0], event[2], event[4]) for event in made.parts.log.events] == [("EXIT", 12, 2.0)]
