"""An internal service is served at once where that is all, by a task where it waits, and by a relay where it goes on."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

import pytest
import trio
import trio.testing

from superd.front.relays.legs import Leg
from superd.front.sessions.live import LiveSession
from superd.front.stream import internal_services
from superd.front.stream.internal_services import InternalStreams
from superd.internal import STREAM
from superd.ipc import relay_messages as messages
from superd.net.listener import Listener
from superd.record import Ending
from tests.front.fakes import CLIENT, Parts, service


class FakeRelays:
    """Takes what is to be carried."""

    def __init__(self) -> None:
        self.carried: list[tuple[LiveSession, int]] = []

    def carry(self, session: LiveSession, mode: int, fds: tuple[int, ...]) -> None:
        for fd in fds:
            os.close(fd)
        self.carried.append((session, mode))

    def encrypt(self, session: LiveSession, fds: tuple[int, int], idle: float, first_byte: float) -> Leg:
        raise AssertionError

    def hold(self, listener: Listener, *, secure: bool = False) -> bool:
        return False


class Made:
    def __init__(self, nursery: trio.Nursery, name: str) -> None:
        self.parts, self.relays = Parts(), FakeRelays()
        self.streams = InternalStreams(self.parts.book, self.relays, self.parts.log, nursery.start_soon)
        self.session = self.parts.book.enter(service(name, type=["INTERNAL"]), CLIENT, 1000.0)
        self.client, self.server = socket.socketpair()
        self.client.settimeout(10)
        self.server.setblocking(False)

    def serve(self) -> None:
        self.streams.serve(self.session, self.server)

    @property
    def ends(self) -> list[str]:
        return [event[0] for event in self.parts.log.events]


async def test_an_echo_whose_client_has_ended_is_over_at_once_without_a_task(nursery: trio.Nursery) -> None:
    made = Made(nursery, "echo")
    made.client.sendall(b"hello")
    made.client.shutdown(socket.SHUT_WR)
    made.serve()
    assert (made.ends, made.relays.carried) == (["START", "EXIT"], [])
    assert made.session.record.ended_by is Ending.CLIENT
    with made.client, made.client.makefile("rb") as file:
        assert file.read() == b"hello"


@pytest.mark.parametrize("name", ["echo", "discard", "chargen"])
async def test_what_goes_on_is_carried_by_a_relay(nursery: trio.Nursery, name: str) -> None:
    made = Made(nursery, name)
    made.serve()
    assert made.relays.carried == [(made.session, internal_services.MODES[name])]
    assert made.ends == ["START"]
    made.client.close()


async def test_an_echo_that_the_client_does_not_read_is_sent_by_a_task_and_carried_then(nursery: trio.Nursery) -> None:
    made = Made(nursery, "echo")
    before = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            before += made.server.send(bytes(4096))
    made.client.sendall(b"hello")
    made.serve()
    assert made.relays.carried == []
    reading = trio.socket.from_stdlib_socket(made.client)
    got = b""
    while len(got) < before + len(b"hello"):
        got += await reading.recv(65536)
    assert got.endswith(b"hello")
    await trio.testing.wait_all_tasks_blocked()
    reading.close()
    assert made.relays.carried == [(made.session, messages.ECHO)]


async def test_the_time_is_sent_and_the_connection_over(nursery: trio.Nursery) -> None:
    made = Made(nursery, "time")
    made.serve()
    reading = trio.socket.from_stdlib_socket(made.client)
    answer = await reading.recv(5)
    assert len(answer) == 4
    assert struct.unpack("!I", answer)[0] > 3_900_000_000
    assert await reading.recv(1) == b""
    reading.close()
    await trio.testing.wait_all_tasks_blocked()
    assert made.ends == ["START", "EXIT"]


async def test_a_client_that_resets_ends_the_session_as_a_reset(nursery: trio.Nursery) -> None:
    made = Made(nursery, "echo")
    made.client.sendall(b"x")
    made.client.close()  # what the echo then sends finds no reader
    made.serve()
    await trio.testing.wait_all_tasks_blocked()
    assert (made.ends, made.session.record.ended_by) == (["START", "EXIT"], Ending.RESET)


async def test_a_fault_ends_this_connection_and_is_logged(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(stream: trio.socket.SocketType) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(STREAM, "daytime", fails)
    made = Made(nursery, "daytime")
    made.serve()
    await trio.testing.wait_all_tasks_blocked()
    assert made.parts.log.events[1] == ("crit", "daytime", "a session failed: ZeroDivisionError: oops")
    assert (made.ends[-1], made.session.record.ended_by) == ("EXIT", Ending.FAULT)
    assert made.client.recv(1) == b""
    made.client.close()
