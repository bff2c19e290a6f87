"""A connection over a socket pair, with a trip whose look-ups, commands and launchers the test plays."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from superd.config.hosts.tables import parse
from superd.expansion import Values
from superd.front.gate.compiled_service import CompiledService
from superd.front.gate.conditions import FrontConditions
from superd.front.gate.gate import Gate
from superd.front.gate.waiting_room import WaitingRoom
from superd.front.handing_over import AS_CONFIGURED, HowToStart
from superd.front.in_force import InForce
from superd.front.relays.legs import Leg
from superd.front.sessions.book import SessionBook
from superd.front.sessions.live import LiveSession
from superd.front.stream.connection import Trip
from superd.front.stream.queueing import WaitingQueue
from superd.front.stream.session import run_session
from superd.occupancy import Source
from superd.peer import Peer
from superd.policy.hosts_access import Tables, compile_policy
from superd.rule import Option, Policy
from superd.settings import Settings
from tests.front.fakes import CLIENT, Parts

SERVER = Peer("192.0.2.1", 4, 0xC0000201, 7)


class FakeTables:
    """Tables in force."""

    def __init__(self, allow: str = "", deny: str = "") -> None:
        self.tables = compile_policy(
            Policy(parse(allow.encode(), "hosts.allow", "allow")[0], parse(deny.encode(), "hosts.deny", "deny")[0], {})
        )

    def current(self) -> Tables | None:
        return self.tables

    async def fresh(self) -> Tables:
        return self.tables

    def refresh(self) -> None:
        pass

    def in_force(self) -> Tables:
        return self.tables


class FakeNames:
    """Names of addresses; one that is None never comes."""

    def __init__(self, name: str | None = "unknown") -> None:
        self.name = name
        self.asked: list[str] = []

    async def name_of(self, address: str) -> str:
        self.asked.append(address)
        if self.name is None:
            await trio.sleep_forever()
        return self.name or ""


class FakeLaunchers:
    """Takes sessions and commands, and gives commands the status that the test says."""

    def __init__(self) -> None:
        self.handed: list[tuple[LiveSession, Peer, HowToStart]] = []
        self.commands: list[tuple[str, tuple[str, ...], Source | None]] = []
        self.status: int | None = 0
        self.flushed = 0

    def hand_over(self, session: LiveSession, server: Peer, fd: int, how: HowToStart = AS_CONFIGURED) -> None:
        os.close(fd)
        self.handed.append((session, server, how))

    def flush(self) -> None:
        self.flushed += 1

    async def run(
        self, option: Option, values: Values, service: str, steps: tuple[str, ...] = (), source: Source | None = None
    ) -> int | None:
        self.commands.append((option.value, steps, source))
        return self.status

    def begin(self, option: Option, values: Values, service: str, steps: tuple[str, ...] = ()) -> None:
        self.commands.append((option.value, steps, None))


class FakeCarriers:
    """Takes sessions to be carried, and keeps their descriptors."""

    def __init__(self, book: SessionBook) -> None:
        self.book = book
        self.carried: list[tuple[LiveSession, int, tuple[int, ...]]] = []
        self.encrypted: list[tuple[tuple[int, int], float, float]] = []
        self.legs: list[Leg] = []

    def carry(self, session: LiveSession, mode: int, fds: tuple[int, ...]) -> None:
        self.carried.append((session, mode, fds))

    def encrypt(self, session: LiveSession, fds: tuple[int, int], idle: float, first_byte: float) -> Leg:
        self.encrypted.append((fds, idle, first_byte))
        leg = Leg(4711, session, self.book)
        self.legs.append(leg)
        return leg

    def hold(self, listener: object, *, secure: bool = False) -> bool:
        return False


class Front:
    """All that a connection meets, with fakes where the world is."""

    def __init__(self, nursery: trio.Nursery, allow: str = "", deny: str = "", **settings: Any) -> None:
        self.parts = Parts()
        self.carriers = FakeCarriers(self.parts.book)
        self.names, self.launchers, self.room = FakeNames(), FakeLaunchers(), WaitingRoom()
        self.force = InForce(Settings.model_validate(settings))
        self.force.configures((self.room,))
        self.log = self.parts.log
        self.world = FrontConditions(self.force.settings)
        self.gate = Gate(self.force, FakeTables(allow, deny), self.parts.counts, self.world, self.parts.clock)
        self.queue = WaitingQueue(self.force.services, self.gate, self.parts.clock, lambda: None)
        self.parts.book.tell_ends(self.queue.freed)
        self.force.configures((self.queue,))
        self._connected = 0
        self.trip = Trip(
            self.gate, self.parts.book, self.launchers, self.launchers, self.carriers, self.names, self.room, self.queue,
            self.log, nursery.start_soon, self.force, self.parts.clock,
        )  # fmt: skip

    async def connect(self, service: CompiledService, client: Peer = CLIENT) -> LiveSession:
        """Bring one connection to its end; the client sends nothing, reads nothing and stays."""
        ours, theirs = pair()
        with theirs:
            return await self._run(service, client, ours)

    @asynccontextmanager
    async def connected(
        self, service: CompiledService, client: Peer = CLIENT
    ) -> AsyncIterator[tuple[LiveSession, trio.socket.SocketType]]:
        """Run one connection; the client's end of the socket is the test's. Waits for the session's task at the end."""
        ours, theirs = pair()
        theirs.setblocking(False)
        self._connected += 1
        async with trio.open_nursery() as nursery:
            session = self._begin(service, client, ours, nursery)
            with trio.socket.from_stdlib_socket(theirs) as end:
                yield session, end
        self._connected -= 1
        assert len(self.room) <= self._connected

    async def _run(self, service: CompiledService, client: Peer, ours: socket.socket) -> LiveSession:
        async with trio.open_nursery() as nursery:
            session = self._begin(service, client, ours, nursery)
        assert len(self.room) == 0
        return session

    def _begin(self, service: CompiledService, client: Peer, ours: socket.socket, nursery: trio.Nursery) -> LiveSession:
        self.force.services[service.name] = service
        first = self.gate.first_look(service, client, lambda: SERVER, self.parts.clock())
        place = self.room.enter(service, client)
        assert place is not None
        session = self.parts.book.enter(service, client, self.parts.clock())
        nursery.start_soon(run_session, self.trip, ours, session, place, SERVER, first)
        return session


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection, ours first; the client's buffer is small."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return ours, theirs
