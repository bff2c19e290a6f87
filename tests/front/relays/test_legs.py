"""The encrypted leg of a session: what its relay says of it, and what that means for the session."""

from __future__ import annotations

import json

import pytest
import trio

from superd.errors import ControlError
from superd.front.relays.legs import Leg, read_facts
from superd.front.sessions.live import Exited, LiveSession, Stage
from superd.ipc import relay_messages as messages
from superd.record import Ending
from tests.front.fakes import CLIENT, FakeRunning, Parts, service


class Made:
    def __init__(self) -> None:
        self.parts = Parts()
        self.session: LiveSession = self.parts.book.enter(
            service(limits={"idle": 3, "first_byte": 2}), CLIENT, self.parts.clock()
        )
        self.session.running = self.running = FakeRunning()
        self.leg = Leg(4711, self.session, self.parts.book)

    def is_over(self) -> bool:
        return self.session.stage is Stage.OVER

    def over(self, reason: int = messages.OTHER) -> None:
        self.leg.over(messages.Over(4711, 3, 4, 1.0, reason))


async def test_a_handshake_is_settled_by_what_it_has_shown() -> None:
    made = Made()
    made.leg.secured(json.dumps({"SSL_PROTOCOL": "TLSv1.3", "names": "alice\nO=x"}).encode())
    with trio.fail_after(1):
        await made.leg.settled()
    assert (made.leg.facts, set(made.leg.names), made.leg.failure) == ((("SSL_PROTOCOL", "TLSv1.3"),), {"alice", "O=x"}, "")
    with pytest.raises(ControlError):
        made.leg.secured(b"{}")


async def test_one_that_fails_has_its_reason_and_its_end() -> None:
    made = Made()
    made.leg.secured(b'{"error": "http request"}')
    with pytest.raises(ControlError):
        made.leg.secured(b"{}")
    made.over(messages.HANDSHAKE)
    with trio.fail_after(1):
        await made.leg.settled()
    assert made.leg.failure == "http request"


async def test_a_client_that_goes_or_a_relay_that_dies_settles_it_too() -> None:
    gone, dead = Made(), Made()
    gone.over()
    dead.leg.lost()
    for made, why in ((gone, "the client closed the connection"), (dead, "its relay is gone")):
        with trio.fail_after(1):
            await made.leg.settled()
        assert made.leg.failure == why


async def test_a_program_is_over_when_its_client_has_all_of_it() -> None:
    made = Made()
    made.leg.secured(b"{}")
    made.leg.follow()
    made.parts.book.over(made.session, Exited(0, 1.0))
    assert not made.is_over()
    made.over()
    assert made.is_over()
    assert made.session.record.traffic == (3, 4)


async def test_a_client_that_goes_leaves_the_program_to_its_own_end() -> None:
    made = Made()
    made.leg.secured(b"{}")
    made.leg.follow()
    made.over()
    assert not made.is_over()
    made.parts.book.over(made.session, Exited(0, 1.0))
    assert made.is_over()


@pytest.mark.parametrize(("reason", "ending"), [(messages.IDLE, Ending.IDLE), (messages.SESSION, Ending.FIRST_BYTE)])
async def test_a_limit_ends_the_program(reason: int, ending: Ending) -> None:
    made = Made()
    made.leg.secured(b"{}")
    made.leg.follow()
    made.over(reason)
    assert made.session.record.ended_by is ending
    assert made.running.signals


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b'{"SSL_PROTOCOL": 1}', b'{"PATH": "/"}', b"[" * 9000, b"\xff"])
def test_what_no_relay_of_ours_says_is_refused(data: bytes) -> None:
    with pytest.raises(ControlError):
        read_facts(data)
