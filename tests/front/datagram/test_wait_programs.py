"""`wait` services over real sockets: who gets the socket, what a hostile child can do with it, and when it is heard again."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, cast

import pytest
import trio

from superd.address import BindAddress, SocketType
from superd.front.datagram.wait_programs import DROP_AFTER, EMPTY_PAUSE, WaitPrograms
from superd.front.sessions.live import Exited, LiveSession
from superd.net.listener import Listener, ListenerSet
from tests.front.datagram.test_verdicts import Desk
from tests.front.fakes import FakeRunning, service

_SO_PEEK_OFF = 42


class Waiting:
    """A UDP `wait` service with a client."""

    def __init__(self, desk: Desk, start_task: Callable[..., None], kind: SocketType = SocketType.DGRAM) -> None:
        self.desk = desk
        stream = kind is SocketType.STREAM
        self.sock = socket.socket(type=socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.client = socket.socket(type=self.sock.type)
        if stream:
            self.sock.listen()
        self.client.connect(self.sock.getsockname())
        self.listeners = ListenerSet(lambda number: None)
        self.listener = Listener(BindAddress(kind, "127.0.0.1", 7), "s", self.sock)
        self.listeners.add(self.listener)
        self.service = service(socket_type=kind.value, wait=True, libwrap="cat")
        self.programs = WaitPrograms(
            desk.verdicts, desk.gate, desk.parts.book, desk.commands, self.listeners, desk.parts.log, start_task, desk.parts.clock
        )

    def ready(self) -> None:
        self.programs.on_ready(self.listener, self.service)

    @property
    def started(self) -> list[LiveSession]:
        return [session for session, _, _ in self.desk.commands.handed]

    def end(self, seconds: float) -> None:
        self.desk.parts.book.over(self.started[-1], Exited(0, seconds))


@pytest.fixture
async def waiting(nursery: trio.Nursery) -> Any:
    made = Waiting(Desk(), nursery.start_soon)
    yield made
    made.listeners.close()
    made.client.close()


async def test_a_program_gets_the_socket_and_the_front_does_not_read_until_it_ends(waiting: Waiting) -> None:
    waiting.client.send(b"one")
    waiting.ready()
    assert waiting.listener.ignored
    (session,) = waiting.started
    assert (session.record.peer is not None, waiting.desk.parts.counts.by_service) == (True, {"s": 1})
    assert waiting.sock.recv(10) == b"one"  # left in the queue for the program
    waiting.end(5.0)
    assert not waiting.listener.ignored


async def test_a_child_that_keeps_the_socket_cannot_stop_the_front(waiting: Waiting) -> None:
    """A blocking socket with SO_PEEK_OFF beyond its end put the front to sleep for good: recvfrom(2) waited in the kernel."""
    waiting.sock.setblocking(True)
    waiting.sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 1 << 30)
    waiting.client.send(b"one")
    with trio.fail_after(5):
        waiting.ready()
        await trio.lowlevel.checkpoint()
    assert len(waiting.started) == 1


async def test_a_datagram_that_is_gone_between_two_calls_ends_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A child took it between the look and the reading: BlockingIOError ended the whole front."""
    waiting = Waiting(Desk(deny="cat: ALL"), nursery.start_soon)
    waiting.client.send(b"one")
    real, taken = waiting.desk.verdicts.check, list[bytes]()

    def check(*arguments: Any, **keys: Any) -> Any:
        taken.append(waiting.sock.recv(10))
        return real(*arguments, **keys)

    waiting.desk.verdicts.check = check  # type: ignore[method-assign]
    waiting.sock.setblocking(True)
    waiting.ready()
    assert (taken, waiting.started) == ([b"one"], [])
    waiting.ready()
    waiting.ready()  # "ready" and nothing there, twice: it rests, and does not spin
    assert waiting.listener.ignored
    await trio.sleep(EMPTY_PAUSE * 1.5)
    assert not waiting.listener.ignored
    waiting.listeners.close()
    waiting.client.close()


async def test_a_program_that_ends_at_once_is_started_ever_more_seldom_and_its_datagram_dropped(
    waiting: Waiting, autojump_clock: trio.testing.MockClock
) -> None:
    waiting.client.send(b"one")
    for number in range(1, DROP_AFTER + 1):
        waiting.ready()
        assert len(waiting.started) == number
        waiting.end(0.0)
        if number > 1:
            assert waiting.listener.ignored
            await trio.sleep(2.0 ** (number - 2) + 0.1)
        assert not waiting.listener.ignored
    waiting.ready()
    assert "dropped a datagram that 3 programs in turn did not read" in str(waiting.desk.parts.log.take())
    with pytest.raises(BlockingIOError):
        waiting.sock.recv(10, socket.MSG_DONTWAIT)


async def test_limits_leave_the_datagram_for_later(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    waiting = Waiting(Desk(), nursery.start_soon)
    waiting.service = service(socket_type="dgram", wait=True, instances=0)
    waiting.client.send(b"one")
    waiting.ready()
    assert waiting.listener.ignored
    assert "its program is not started yet, and clients wait: " in str(waiting.desk.parts.log.take())
    assert waiting.sock.recv(10) == b"one"
    await trio.sleep(1.1)
    assert not waiting.listener.ignored
    waiting.listeners.close()
    waiting.client.close()


async def test_the_program_of_an_earlier_front_keeps_the_socket(waiting: Waiting) -> None:
    book = waiting.desk.parts.book
    session = book.adopt(waiting.service, 5, 77, None, 900.0, 1, FakeRunning())
    assert session is not None
    waiting.programs.adopt(session, [waiting.listener])
    assert waiting.listener.ignored
    book.over(session, Exited(0, 100.0))
    assert not waiting.listener.ignored


async def test_a_stream_service_that_a_rule_names_is_closed_and_never_accepted_from_after_a_program(
    nursery: trio.Nursery,
) -> None:
    waiting = Waiting(Desk(deny="cat: 198.51.100.1"), nursery.start_soon, SocketType.STREAM)
    waiting.sock.setblocking(False)
    waiting.ready()
    assert waiting.started == []
    assert waiting.client.recv(1) == b""  # refused
    assert waiting.desk.parts.log.take()[0][0] == "FAIL"
    # After a program has had it, accept(2) could block: the clients wait in the queue instead.
    waiting.programs.shared(waiting.listener)
    waiting.sock.setblocking(True)
    waiting.ready()
    assert waiting.listener.ignored
    waiting.listeners.close()
    waiting.client.close()
    cast("Any", nursery).cancel_scope.cancel()
