"""From accept to a queue or a refusal: which way a connection goes, and that connections leave descriptors for the rest."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from superd.address import BindAddress, SocketType
from superd.front.gate.compiled_service import CompiledService
from superd.front.sessions.live import SERVED, Stage
from superd.front.stream.arrivals import BATCH, Arrivals
from superd.front.stream.internal_services import InternalStreams
from superd.net.listener import Listener, ListenerSet
from superd.verdict import Reason
from tests.front.fakes import service
from tests.front.fakes_of_connections import Front


class Door:
    """A listening socket of a service, with clients."""

    def __init__(self, front: Front, nursery: trio.Nursery, one: CompiledService) -> None:
        self.front = front
        front.force.services[one.name] = one
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.sock.setblocking(False)
        self.overloads: list[int] = []
        self.listeners = ListenerSet(self.overloads.append)
        self.listener = Listener(BindAddress(SocketType.STREAM, "127.0.0.1", 7), one.name, self.sock)
        self.other: list[str] = []
        internal = InternalStreams(front.parts.book, front.trip.carriers, front.log, nursery.start_soon)
        self.arrivals = Arrivals(front.trip, self.listeners, internal, lambda _, compiled: self.other.append(compiled.name))
        self.clients: list[socket.socket] = []

    def connect(self, count: int = 1) -> None:
        for _ in range(count):
            self.clients.append(socket.create_connection(self.sock.getsockname()))

    def ready(self) -> None:
        self.arrivals.on_ready(self.listener)

    def close(self) -> None:
        for sock in (*self.clients, self.sock):
            sock.close()


@pytest.fixture
def door(nursery: trio.Nursery) -> Iterator[Any]:
    made: list[Door] = []

    def make(one: CompiledService, allow: str = "", deny: str = "", **settings: Any) -> Door:
        made.append(Door(Front(nursery, allow, deny, **settings), nursery, one))
        return made[-1]

    yield make
    for each in made:
        each.close()


async def test_a_connection_that_waits_for_nothing_goes_straight_to_a_launcher(door: Any) -> None:
    here = door(service())
    here.connect(3)
    here.ready()
    sessions = [session for session, _, _ in here.front.launchers.handed]
    assert [session.record.conn for session in sessions] == [1, 2, 3]
    assert len(here.front.room) == 0


async def test_an_internal_service_is_served_on_the_spot(door: Any) -> None:
    here = door(service(type=["INTERNAL"], service="echo"))
    here.connect()
    here.clients[0].sendall(b"hello")
    here.clients[0].shutdown(socket.SHUT_WR)
    here.ready()
    assert here.clients[0].recv(10) == b"hello"
    assert [event[0] for event in here.front.log.take()] == ["START", "EXIT"]


async def test_a_refusal_is_at_once_and_counts_nothing(door: Any) -> None:
    here = door(service(), deny="ALL: ALL")
    here.connect()
    here.ready()
    assert here.clients[0].recv(1) == b""
    assert here.front.log.take()[0][3] is Reason.RULE_DENY
    assert here.front.parts.counts.total == 0


async def test_what_must_wait_gets_a_place_or_is_refused(door: Any) -> None:
    here = door(service(only_from=[".example.org"]), undecided=1)
    here.front.names.name = None
    here.connect(2)
    here.ready()
    assert [event[3] for event in here.front.log.take()] == [Reason.OVERLOAD]
    (session,) = here.front.parts.book
    await trio.testing.wait_all_tasks_blocked()
    assert session.stage is Stage.WAITING
    session.running.signal(1, 15)
    await trio.testing.wait_all_tasks_blocked()


async def test_of_one_queue_a_batch_is_taken_at_a_time(door: Any) -> None:
    here = door(service())
    here.connect(BATCH + 5)
    here.ready()
    assert len(here.front.launchers.handed) == BATCH
    here.ready()
    assert len(here.front.launchers.handed) == BATCH + 5


async def test_datagrams_and_wait_services_are_not_accepted_from(door: Any) -> None:
    here = door(service(wait=True))
    here.connect()
    here.ready()
    assert here.other == ["s"]


async def test_connections_leave_the_reserve_of_descriptors_alone(door: Any) -> None:
    """Each wake-up took one connection before it looked, and after a minute of pauses there was none left for an order."""
    here = door(service(only_from=[".example.org"]))
    here.connect(10)
    probe = os.dup(here.sock.fileno())
    os.close(probe)
    here.arrivals._descriptors.ceiling = probe + 2
    for _ in range(20):
        here.ready()
        here.listeners._pausing = False
    taken = len(here.front.parts.book)
    assert 1 <= taken <= 3
    assert here.overloads == [errno.EMFILE]
    here.arrivals._descriptors.ceiling = 1 << 20
    here.ready()
    assert len(here.front.parts.book) == 10
    for session in here.front.parts.book:
        await trio.testing.wait_all_tasks_blocked()
        session.running.signal(session.record.conn, 15)


async def test_without_room_and_without_a_session_that_could_end_clients_are_refused_with_a_line(door: Any) -> None:
    """They waited in the kernel's queue for a descriptor that nothing would ever free."""
    here = door(service())
    here.connect(3)
    here.arrivals._descriptors.ceiling = 0
    here.ready()
    assert [client.recv(1) for client in here.clients] == [b""] * 3
    assert [event[3] for event in here.front.log.take()] == [Reason.OVERLOAD] * 3
    assert here.overloads == []


async def test_a_limit_that_is_too_small_is_said_at_the_start(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (64, 64))
    here = door(service())
    assert "RLIMIT_NOFILE leaves room for only " in str(here.front.log.take())


async def test_a_client_above_the_limit_waits_and_goes_on_as_one_that_arrives(door: Any) -> None:
    here = door(service(instances=1, at_limit="wait", queue=1))
    here.connect(3)
    here.ready()
    assert len(here.front.launchers.handed) == 1
    assert [event[3] for event in here.front.log.take()] == [Reason.QUEUE]
    here.front.parts.book.over(here.front.launchers.handed[0][0], SERVED)
    here.ready()
    here.front.queue.work()
    assert len(here.front.launchers.handed) == 2
    here.front.queue.close()


async def test_a_client_whose_name_must_be_known_waits_before_it_is_looked_up(door: Any) -> None:
    here = door(service(only_from=[".example.org"], instances=1, at_limit="wait"))
    here.front.names.name = "a.example.org"
    here.connect(2)
    here.ready()
    assert (len(here.front.room), here.front.queue.waiting("s")) == (1, 1)
    await trio.testing.wait_all_tasks_blocked()
    here.front.parts.book.over(here.front.launchers.handed[0][0], SERVED)
    here.front.queue.work()
    await trio.testing.wait_all_tasks_blocked()
    assert len(here.front.launchers.handed) == 2


OF_THE_EDGE = (
    "penalties.py", "proxies.py", "proxy_header.py", "proxied.py", "secured.py", "legs.py", "causes.py", "exempt_names.py",
    "kept.py", "safekeeping.py", "source_limits.py", "tls_keys.py",
)  # fmt: skip


@pytest.mark.parametrize("deny", ["", "ALL: ALL"])
async def test_what_no_key_asks_for_costs_a_connection_not_one_call(door: Any, deny: str) -> None:
    """PROXY headers, TLS, networks, penalties and sensors are off: no function of theirs is called, from accept to the end."""
    called: set[str] = set()

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call":
            called.add(f"{frame.f_code.co_filename.rpartition('/')[2]} {frame.f_code.co_qualname}")

    here = door(service(), deny=deny)
    here.connect(3)
    sys.setprofile(note)
    try:
        here.ready()
        for session, _, _ in here.front.launchers.handed:
            here.front.parts.book.over(session, SERVED)
    finally:
        sys.setprofile(None)
    assert any(name.startswith("arrivals.py") for name in called)
    assert any(name.startswith("admission.py") for name in called)
    assert [name for name in sorted(called) if name.startswith(OF_THE_EDGE)] == []
    of_access = {"Access._penalised", "Access.penalised", "Access.sensed", "Access.over_sessions", "Access.penalty_news"}
    assert not {name.partition(" ")[2] for name in called} & of_access
