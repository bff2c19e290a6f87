"""Clients that wait for a place: in turn, for so long, so many, and none that has left."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from superd.front.gate.compiled_service import CompiledService
from superd.front.sessions.live import SERVED, LiveSession
from superd.front.stream.passing_on import passed_on
from superd.peer import Peer
from superd.verdict import Ask, Reason, Verdict
from tests.front.fakes import peer, service
from tests.front.fakes_of_connections import SERVER, Front, pair


class Client:
    """A waiting client, and what became of it."""

    def __init__(self, hall: Hall, address: str) -> None:
        self.peer = peer(address)
        self.hall = hall
        self.ours, self.theirs = pair()
        self.session: LiveSession | None = None
        self.verdict: Verdict | None = None
        self.through = None

    def serve(self, compiled: CompiledService, first: Verdict | Ask) -> None:
        if isinstance(first, Verdict) and not first.admit:
            self.verdict = first
            return
        self.session = self.hall.front.parts.book.enter(compiled, self.peer, 1000.0)
        self.hall.served.append(self)

    def refuse(self, compiled: CompiledService, verdict: Verdict) -> None:
        self.verdict = verdict

    def passed_on(self) -> None:
        self.verdict = Verdict(False, Reason.GONE, detail="passed on")

    def over(self) -> None:
        assert self.session is not None
        self.hall.front.parts.book.over(self.session, SERVED)


class Hall:
    """A service with a queue, and a session for each of its places."""

    def __init__(self, front: Front, **keys: Any) -> None:
        self.front, self.queue = front, front.queue
        self.served: list[Client] = []
        self.made: list[Client] = []
        self.change(**keys)

    def change(self, **keys: Any) -> None:
        self.service = service(**{"at_limit": "wait", **keys})
        self.front.force.services["s"] = self.service

    def come(self, address: str) -> Client:
        client = Client(self, address)
        self.made.append(client)
        first = self.front.gate.first_look(self.service, client.peer, _server, 1000.0)
        if self.queue.must_wait(self.service, client.peer, _server, first) is None:
            client.serve(self.service, first)
        elif refusal := self.queue.enter(self.service, client.peer, SERVER, client.ours.fileno(), client):
            client.verdict = refusal
        return client


def _server() -> Peer:
    return SERVER


@pytest.fixture
def hall(nursery: trio.Nursery) -> Iterator[Any]:
    made: list[Hall] = []

    def make(deny: str = "", **keys: Any) -> Hall:
        made.append(Hall(Front(nursery, "", deny), **keys))
        return made[-1]

    yield make
    for each in made:
        for client in each.made:
            client.ours.close()
            client.theirs.close()


async def test_a_place_that_becomes_free_is_the_next_clients(hall: Any) -> None:
    here = hall(instances=1)
    first, second, third = (here.come("192.0.2.7") for _ in range(3))
    assert (here.served, here.queue.waiting("s")) == ([first], 2)
    first.over()
    here.queue.work()
    assert (here.served, here.queue.waiting("s")) == ([first, second], 1)
    second.over()
    here.queue.work()
    assert here.served == [first, second, third]
    assert here.front.parts.counts.by_service["s"] == 1


async def test_sources_take_turns(hall: Any) -> None:
    here = hall(instances=1)
    running = here.come("192.0.2.7")
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"):
        here.come(address)
    while here.queue.waiting("s"):
        running.over()
        here.queue.work()
        running = here.served[-1]
    order = [client.peer.address for client in here.served[1:]]
    assert order == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.1"]


async def test_one_source_at_its_limit_holds_no_other_up(hall: Any) -> None:
    here = hall(per_source=1, instances=2)
    one, waits = here.come("192.0.2.1"), here.come("192.0.2.1")
    other = here.come("192.0.2.2")
    assert here.served == [one, other]
    last = here.come("192.0.2.3")
    other.over()
    here.queue.work()
    assert here.served == [one, other, last]
    one.over()
    here.queue.work()
    assert here.served == [one, other, last, waits]


async def test_a_newcomer_does_not_take_the_place_of_a_client_that_waits(hall: Any) -> None:
    here = hall(instances=1)
    first, second = here.come("192.0.2.1"), here.come("192.0.2.2")
    first.over()
    here.queue.settle("s")  # what an arrival does before it looks
    third = here.come("192.0.2.3")
    assert here.served == [first, second]
    assert (third.session, third.verdict) == (None, None)


async def test_a_full_queue_refuses_the_source_that_has_the_most(hall: Any) -> None:
    here = hall(instances=1, queue=3)
    here.come("192.0.2.9")
    flood = [here.come("192.0.2.1") for _ in range(4)]
    assert flood[3].verdict is not None
    assert (flood[3].verdict.reason, flood[3].verdict.limit, flood[3].verdict.now) == (Reason.QUEUE, 3, 3)
    other = here.come("192.0.2.2")
    assert other.verdict is None
    assert flood[2].verdict is not None
    assert here.queue.waiting("s") == 3
    assert here.come("192.0.2.2").verdict is not None  # two and one: it would only trade places


async def test_a_client_waits_for_so_long_and_no_longer(hall: Any) -> None:
    here = hall(instances=1, queue_time=5)
    here.come("192.0.2.1")
    late = here.come("192.0.2.2")
    here.front.parts.clock.now += 4.9
    here.queue.work()
    assert late.verdict is None
    here.front.parts.clock.now += 0.2
    here.queue.work()
    assert late.verdict is not None
    assert (late.verdict.reason, late.verdict.limit, here.queue.waiting("s")) == (Reason.QUEUE_TIME, 5, 0)


async def test_a_client_that_leaves_is_dropped_and_one_that_has_sent_its_request_is_not(hall: Any) -> None:
    here = hall(instances=1)
    here.come("192.0.2.1")
    closed, reset, sent, stays = (here.come(f"192.0.2.{number}") for number in (2, 3, 4, 5))
    closed.theirs.close()
    reset.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reset.theirs.close()
    sent.theirs.sendall(b"request")
    sent.theirs.shutdown(socket.SHUT_WR)
    with trio.fail_after(5):
        while here.queue.waiting("s") > 2:
            await trio.lowlevel.wait_readable(here.queue._epoll.fileno())
            here.queue.drop_who_left()
    assert [client.verdict and client.verdict.reason for client in (closed, reset, sent, stays)] == [
        Reason.GONE, Reason.GONE, None, None,
    ]  # fmt: skip


async def test_who_is_refused_for_another_reason_does_not_wait(hall: Any) -> None:
    here = hall(deny="ALL: 192.0.2.66", instances=1, no_access=["192.0.2.67"])
    here.come("192.0.2.1")
    for address in ("192.0.2.66", "192.0.2.67"):
        here.come(address)
        assert here.queue.waiting("s") == 0


async def test_a_reload_lets_clients_in_or_away(hall: Any) -> None:
    here = hall(instances=1)
    here.come("192.0.2.1")
    second, third = here.come("192.0.2.2"), here.come("192.0.2.3")
    here.change(instances=2)
    here.queue.configure(here.front.force.settings)
    here.queue.work()
    assert (here.served[-1], here.queue.waiting("s")) == (second, 1)
    del here.front.force.services["s"]
    here.queue.configure(here.front.force.settings)
    here.queue.work()
    assert third.verdict is not None
    assert (third.verdict.reason, here.queue.waiting("s")) == (Reason.STOPPING, 0)


async def test_a_service_that_has_no_queue_any_more_refuses_who_waits(hall: Any) -> None:
    here = hall(instances=1)
    here.come("192.0.2.1")
    second = here.come("192.0.2.2")
    here.change(instances=1, at_limit="refuse")
    here.queue.configure(here.front.force.settings)
    here.queue.work()
    assert second.verdict is not None
    assert second.verdict.reason is Reason.INSTANCES


async def test_the_end_refuses_all_who_wait(hall: Any) -> None:
    here = hall(instances=1)
    here.come("192.0.2.1")
    second = here.come("192.0.2.2")
    here.queue.close()
    assert second.verdict is not None
    assert second.verdict.reason is Reason.STOPPING


async def test_who_waits_is_passed_on_and_without_room_refused(hall: Any) -> None:
    made = hall(instances=1)
    first, second = made.come("192.0.2.1"), made.come("192.0.2.2")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        made.queue.pass_on(ours)
        assert (first.verdict, second.verdict.reason) == (None, Reason.GONE)
        (waited,) = passed_on(theirs)
        os.close(waited.fd)
        theirs.close()
        third = made.come("192.0.2.3")
        made.queue.pass_on(ours)
        assert third.verdict.reason is Reason.STOPPING
    assert made.queue.waiting("s") == 0


async def test_times_of_clients_that_have_left_do_not_pile_up(hall: Any) -> None:
    here = hall(instances=1)
    here.come("192.0.2.1")
    for _ in range(300):
        client = here.come("192.0.2.2")
        here.queue.leave(client.ours.fileno())
        client.ours.close()
        client.theirs.close()
    assert len(here.queue._times) < 100


async def test_the_task_serves_when_a_session_ends_and_refuses_when_the_time_is_over(
    hall: Any, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    here = hall(instances=1, queue_time=5)
    here.queue._clock = trio.current_time
    nursery.start_soon(here.queue.run)
    first, second, third = (here.come("192.0.2.1") for _ in range(3))
    await trio.testing.wait_all_tasks_blocked()
    first.over()
    await trio.testing.wait_all_tasks_blocked()
    assert here.served == [first, second]
    await trio.sleep(6)
    assert third.verdict is not None
    assert third.verdict.reason is Reason.QUEUE_TIME
