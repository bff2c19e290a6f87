"""Sessions that real relays carry: spread, ended, counted; lost with a relay that dies, and found again by a new front."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from superd.front.relays import carriers
from superd.front.relays.carrier import CarriedProgram
from superd.front.relays.carriers import Carriers
from superd.front.sessions.live import Exited, LiveSession, Stage
from superd.ipc import relay_messages as messages
from superd.ipc.relay_messages import ECHO, PIPE, RELAY
from tests.front.fakes import CLIENT, FakeRunning, Parts, service
from tests.relay_process import RelayProcess, tcp_pair
from tests.waiting import until

LABEL = b'["s","192.0.2.1",5,2]'
TLS_LABEL = f'["s","192.0.2.1",5,{messages.TLS}]'.encode()


class Front:
    """The part of a front that has to do with relays."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.services = {"s": service()}
        self.replaced: list[int] = []
        self.clients: list[socket.socket] = []
        self.heard: list[object] = []
        self.carriers = Carriers(
            self.parts.book, self.services, self, self.parts.log, self.parts.clock, self.replaced.append
        )  # fmt: skip

    def ignore(self, listener: object) -> None:
        self.heard.append(("ignored", listener))

    def watch(self, listener: object) -> None:
        self.heard.append(("heard", listener))

    def take(self, *relays: RelayProcess, running: frozenset[int] = frozenset(), in_use: int = 9) -> None:
        self.carriers.take({number: os.dup(relay.front.fileno()) for number, relay in enumerate(relays)}, running, in_use)

    def session(self, **keys: Any) -> LiveSession:
        session = self.parts.book.enter(service(**keys), CLIENT, self.parts.clock())
        self.parts.book.started(session)
        return session

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection, whose first end is closed after the test."""
        ends = tcp_pair()
        ends[0].settimeout(5)
        self.clients.append(ends[0])
        return ends

    def echo(self, **keys: Any) -> tuple[LiveSession, socket.socket]:
        """A session that a relay echoes, and its client."""
        session, (client, ours) = self.session(**keys), self.pair()
        self.carriers.carry(session, ECHO, (ours.detach(),))
        return session, client


def sized(client: socket.socket, data: bytes) -> None:
    """The echo works, and so the relay has the session."""
    client.sendall(data)
    assert client.recv(len(data), socket.MSG_WAITALL) == data


@pytest.fixture
async def relays() -> AsyncIterator[list[RelayProcess]]:
    both = [RelayProcess(), RelayProcess()]
    yield both
    for relay in both:
        relay.close()


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    one = Front()
    yield one
    for client in one.clients:
        client.close()
    for carrier in one.carriers._carriers.values():
        carrier.link.close()


async def over(*sessions: LiveSession) -> None:
    await until(lambda: all(session.stage is Stage.OVER for session in sessions))


async def test_sessions_go_to_the_least_busy_relay_and_end_with_their_counts(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    waiting, first = front.echo()  # before any relay is known
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    carried = [front.echo() for _ in range(3)]
    for _, client in carried:
        sized(client, b"hello")
    sized(first, b"hello")
    assert [len(carrier.sessions) for carrier in front.carriers._carriers.values()] == [2, 2]
    first.close()
    await over(waiting)
    assert waiting.record.traffic == (5, 5)
    for session, client in carried:
        client.close()
        await over(session)
    assert len([event for event in front.parts.log.take() if event[0] == "EXIT"]) == 4


async def test_a_deadline_or_a_kick_ends_a_session_there(front: Front, relays: list[RelayProcess], nursery: trio.Nursery) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    session, client = front.echo()
    sized(client, b"x")
    assert session.running is not None
    session.running.signal(session.record.conn, signal.SIGTERM)
    await over(session)
    assert client.recv(1) == b""
    session.running.signal(session.record.conn, signal.SIGKILL)  # too late, and harmless


async def test_silence_ends_a_session_and_the_log_says_so(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    session, client = front.echo(limits={"idle": 0.2})
    await over(session)
    assert client.recv(1) == b""
    assert any("silence" in str(event) for event in front.parts.log.take())


async def test_a_relay_that_dies_ends_its_own_sessions_alone_with_a_record_each(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    sessions = [front.echo() for _ in range(4)]
    for _, client in sessions:
        sized(client, b"x")
    mine = [session for session, _ in front.carriers._carriers[0].sessions.values() if session is not None]
    os.kill(relays[0].pid, signal.SIGKILL)
    relays[0].status()
    await over(*mine)
    for session, client in sessions:
        if session in mine:
            assert client.recv(1) == b""
        else:
            sized(client, b"still")
    assert len([event for event in front.parts.log.take() if event[0] == "EXIT"]) == 2
    session, client = front.echo()
    sized(client, b"on the other relay")
    assert session.record.conn in front.carriers._carriers[1].sessions


async def test_a_relay_that_answers_nothing_is_replaced(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "PING_SECONDS", 0.1)
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    session, client = front.echo()
    sized(client, b"x")
    other, second = front.echo()
    sized(second, b"x")
    os.kill(relays[0].pid, signal.SIGSTOP)
    await over(session)
    assert front.replaced == [0]
    sized(second, b"y")
    assert other.stage is Stage.SERVING


ALIEN = messages.Over(4711, 1 << 40, 1 << 40, 1.0, messages.CLIENT)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        messages.encode_report(ALIEN),
        messages.encode_report(messages.Living(4711, 1.0, b'["s","192.0.2.1",5,2]')),
    ],
    ids=["bytes", "the end of another's session", "a session that nobody asked for"],
)
async def test_a_relay_lies_about_its_own_sessions_and_nothing_else(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery, data: bytes
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        front.carriers.take({0: ours.detach(), 1: os.dup(relays[1].front.fileno())}, frozenset(), 2)
        nursery.start_soon(front.carriers.run)
        lied, _client = front.echo()
        honest, client = front.echo()
        sized(client, b"x")
        theirs.send(messages.encode_report(messages.Over(lied.record.conn, 1 << 61, 7, 1e9, messages.CLIENT)))
        await over(lied)
        assert lied.record.traffic == (1 << 61, 7)
        theirs.send(data)
        await until(lambda: front.replaced)
        assert front.replaced == [0]
        assert honest.stage is Stage.SERVING
        sized(client, b"y")
    assert {conn for conn in map(lambda one: one.record.conn, front.parts.book)} == {honest.record.conn}


async def test_a_new_front_finds_what_is_carried_and_counts_it(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    before = Front()
    before.clients = front.clients
    before.take(relays[0])
    async with trio.open_nursery() as short:
        short.start_soon(before.carriers.run)
        session, client = before.echo()
        sized(client, b"hello")
        ended, gone = before.echo()
        sized(gone, b"x")
        short.cancel_scope.cancel()
    gone.close()  # the report of it stays unread
    relays[0].settled_without_reading()
    front.take(relays[0], running=frozenset({0}))
    nursery.start_soon(front.carriers.run)
    with trio.fail_after(10):
        await front.carriers.adopted()
    found = front.parts.book.get(session.record.conn)
    assert found is not None
    assert (found.record.peer, front.parts.counts.total, len(front.parts.book)) == (CLIENT, 1, 1)
    assert [event[:3] for event in front.parts.log.take()] == [("EXIT", "s", ended.record.conn)]
    client.close()
    await over(found)
    assert found.record.traffic == (5, 5)


async def test_answers_to_an_earlier_front_cost_a_relay_nothing(front: Front, nursery: trio.Nursery) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.settimeout(5)
    with theirs:
        front.carriers.take({0: ours.detach()}, frozenset({0}), 1)
        nursery.start_soon(front.carriers.run)
        [asked] = messages.parse_requests(await trio.to_thread.run_sync(theirs.recv, 100))
        assert isinstance(asked, messages.List)
        living = [messages.Living(number, 1.0, label) for number, label in ((5, LABEL), (6, TLS_LABEL))]
        reports: tuple[messages.Report, ...] = (
            messages.Alive(3), messages.Secured(6, b'{"TLS_VERSION":"TLSv1.3"}'), *living, messages.Listed(1),
            *living, messages.Listed(asked.question), messages.Secured(6, b'{"TLS_VERSION":"TLSv1.3"}'),
        )  # fmt: skip
        for report in reports:
            theirs.send(messages.encode_report(report))
        with trio.fail_after(5):
            await front.carriers.adopted()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert front.replaced == []
        assert [session.record.conn for session in front.parts.book] == [5]
        theirs.send(messages.encode_report(messages.Secured(7, b"{}")))  # of no leg that it ever had
        await until(lambda: front.replaced)


async def test_fewer_relays_get_no_new_sessions_and_carry_on_with_the_old(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    first, second = front.echo(), front.echo()
    front.carriers.take({}, frozenset(), 1)
    third = front.echo()
    for _, client in (first, second, third):
        sized(client, b"x")
    assert [len(carrier.sessions) for carrier in front.carriers._carriers.values()] == [2, 1]


async def test_a_carried_program_is_over_when_both_are(front: Front, relays: list[RelayProcess], nursery: trio.Nursery) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    session, program = front.session(), FakeRunning()
    session.stage = Stage.RUNNING
    session.running, session.launcher = program, 3
    client, ours = front.pair()
    into, out = os.pipe(), os.pipe()
    front.carriers.carry(session, PIPE, (ours.detach(), into[1], out[0]))
    carried = session.running
    assert isinstance(carried, CarriedProgram)
    carried.signal(session.record.conn, signal.SIGTERM)
    assert program.signals == [(session.record.conn, signal.SIGTERM)]
    os.write(out[1], b"bye")
    assert client.recv(3, socket.MSG_WAITALL) == b"bye"
    front.parts.book.over(session, Exited(0, 1.0))
    assert session.stage is Stage.RUNNING
    os.close(out[1])
    os.close(into[0])
    client.close()
    await over(session)
    assert (session.record.traffic, session.record.status) == ((0, 3), 0)


async def test_a_program_that_outlives_its_client_is_over_with_its_own_end(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    session = front.session()
    session.running, session.launcher = FakeRunning(), 3
    client, ours = front.pair()
    into, out = os.pipe(), os.pipe()
    front.carriers.carry(session, PIPE, (ours.detach(), into[1], out[0]))
    client.close()
    os.close(out[1])
    await until(lambda: session.carried is None)
    assert len(front.parts.book) == 1
    front.parts.book.over(session, Exited(0, 1.0))
    assert len(front.parts.book) == 0
    os.close(into[0])


async def test_while_no_relay_has_room_listeners_wait_and_the_first_end_lets_them_go_on(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    front.carriers._most_files = 3
    listener: Any = SimpleNamespace(name="s")
    one, first = front.echo()
    sized(first, b"x")
    assert not front.carriers.hold(listener)
    two, second = front.echo()
    sized(second, b"x")
    assert front.carriers.hold(listener)
    refused, third = front.echo()  # one that waited for its verdict comes all the same
    assert (refused.stage, third.recv(1)) == (Stage.OVER, b"")
    first.close()
    await over(one)
    assert front.heard == [("ignored", listener), ("heard", listener)]
    assert two.stage is Stage.SERVING
    assert len([event for event in front.parts.log.take() if "accepting pauses" in str(event)]) == 1


async def test_without_any_relay_in_use_a_session_is_refused(front: Front) -> None:
    front.carriers.take({0: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach()}, frozenset(), 0)
    session, client = front.echo()
    assert session.stage is Stage.OVER
    assert client.recv(1) == b""


async def test_descriptors_of_a_relayed_session_are_the_relays_alone(
    front: Front, relays: list[RelayProcess], nursery: trio.Nursery
) -> None:
    front.take(*relays)
    nursery.start_soon(front.carriers.run)
    await trio.testing.wait_all_tasks_blocked()
    before = len(os.listdir("/proc/self/fd"))
    session = front.session()
    (client, ours), (server, theirs) = front.pair(), front.pair()
    front.carriers.carry(session, RELAY, (ours.detach(), theirs.detach()))
    client.sendall(b"x")
    assert server.recv(1) == b"x"
    assert len(os.listdir("/proc/self/fd")) == before + 2
    client.close()
    server.close()
    await over(session)
