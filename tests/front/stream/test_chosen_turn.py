"""The turn of a client that named a service to tcpmux: it begins, waits, is refused, or goes on at another front."""

from __future__ import annotations

import trio

from superd.front.sessions.live import SERVED
from superd.front.stream.chosen_turn import ChosenTurn
from superd.front.stream.connection import Connection
from superd.verdict import ADMITTED, Reason
from tests.front.fakes import CLIENT, service
from tests.front.fakes_of_connections import SERVER, Front, pair


class Turn:
    """A turn over a connection whose first session, of tcpmux, has begun."""

    def __init__(self, front: Front) -> None:
        self.front = front
        ours, self.theirs = pair()
        ours.setblocking(False)
        place = front.room.enter(service("tcpmux"), CLIENT)
        assert place is not None
        session = front.parts.book.enter(service("tcpmux"), CLIENT, 1000.0)
        self.connection = Connection(trio.socket.from_stdlib_socket(ours), session, CLIENT, SERVER, place)
        self.turn = ChosenTurn(front.trip, self.connection)

    def close(self) -> None:
        self.connection.sock.close()
        self.theirs.close()


async def test_it_begins_as_a_session_of_the_named_service(nursery: trio.Nursery) -> None:
    one = Turn(Front(nursery))
    named = service("named")
    one.turn.serve(named, ADMITTED)
    begun = one.turn.begun
    assert begun is not None
    assert (begun.session.service, begun.sock, one.turn.first) == (named, one.connection.sock, ADMITTED)
    assert begun.session is not one.connection.session
    one.close()


async def test_without_a_place_for_its_verdict_it_is_refused(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    one = Turn(front)
    front.room.configure(front.force.settings.model_copy(update={"undecided": 1}))
    one.turn.serve(service("named"), ADMITTED)
    assert one.turn.begun is None
    assert front.log.take()[-1][3] is Reason.OVERLOAD
    one.close()


async def test_it_waits_until_a_session_of_the_service_ends(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    busy = front.force.services["busy"] = service("busy", instances=1, at_limit="wait", queue=1)
    running = front.parts.book.enter(busy, CLIENT, 1000.0)
    one, late = Turn(front), Turn(front)
    nursery.start_soon(front.queue.run)
    nursery.start_soon(one.turn.come, busy)
    await trio.testing.wait_all_tasks_blocked()
    assert one.turn.begun is None
    with trio.fail_after(5):
        await late.turn.come(busy)  # the queue has one place
    assert late.turn.begun is None
    front.parts.book.over(running, SERVED)
    await trio.testing.wait_all_tasks_blocked()
    assert one.turn.begun is not None
    one.close()
    late.close()


async def test_it_is_over_here_when_another_front_has_the_connection(nursery: trio.Nursery) -> None:
    front = Front(nursery)
    busy = front.force.services["busy"] = service("busy", instances=1, at_limit="wait", queue=1)
    front.parts.book.enter(busy, CLIENT, 1000.0)
    one = Turn(front)
    async with trio.open_nursery() as waiting:
        waiting.start_soon(one.turn.come, busy)
        await trio.testing.wait_all_tasks_blocked()
        one.turn.passed_on()
    assert (one.turn.gone, one.turn.begun) == (True, None)
    assert front.queue.waiting("busy") == 0
    one.close()
