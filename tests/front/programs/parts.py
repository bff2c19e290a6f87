"""Small parts for the tests of `front/programs`: real links to the test's own end, a real book, a log that remembers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from superd.front.gate.compiled_service import CompiledService
from superd.front.in_force import InForce
from superd.front.programs.launcher_links import LauncherLinks
from superd.front.programs.stdio import StdioPrograms
from superd.front.relays.legs import Leg
from superd.front.sessions.book import SessionBook
from superd.front.sessions.deadlines import Deadlines
from superd.front.sessions.live import LiveSession
from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import receive_with
from superd.log.event import Kind
from superd.occupancy import Occupancy
from superd.peer import Peer
from superd.policy.penalties import sensors_table
from superd.record import SessionRecord
from superd.service import Service
from superd.settings import Settings
from superd.verdict import Verdict

made: list[Any] = []
"""What the fixture closes."""


class MemoryLog:
    """A session log that remembers."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[tuple[int, int | None]] = []
        self.denied: list[tuple[int, Verdict]] = []
        self.messages: list[tuple[str, str]] = []

    def started(self, record: SessionRecord) -> None:
        self.begun.append(record.conn)

    def exited(self, record: SessionRecord) -> None:
        self.ended.append((record.conn, record.status))

    def refused(self, record: SessionRecord, verdict: Verdict) -> None:
        self.denied.append((record.conn, verdict))

    def message(
        self, level: str, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE, record: SessionRecord | None = None
    ) -> None:
        self.messages.append((level, text))


class FakeLauncher:
    """The other end of a link: the test answers for the launcher."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        made.append(sock)

    def requests(self) -> list[messages.Request]:
        """Everything that was asked so far; descriptors are closed."""
        found: list[messages.Request] = []
        while True:
            try:
                data, fds, _ = receive_with(self.sock, messages.MAX_MESSAGE, messages.MAX_LAUNCHES)
            except BlockingIOError:
                return found
            for fd in fds:
                os.close(fd)
            if not data:
                return found
            found += messages.parse_requests(data)

    def report(self, *reports: messages.Report, fds: tuple[int, ...] = ()) -> None:
        """Say this."""
        socket.send_fds(self.sock, [messages.batch([messages.encode_report(report) for report in reports])], list(fds))


class Parts:
    """A front as far as its launchers are concerned."""

    def __init__(self, *services: str, lanes: int = 2, **keys: Any) -> None:
        self.now = 100.0
        self.log = MemoryLog()
        self.in_force = InForce(Settings())
        self.counts = Occupancy()
        self.deadlines = Deadlines(lambda: self.now)
        self.book = SessionBook(self.log, self.counts, self.deadlines, sensors_table(), lambda: self.now)
        self.carried: list[tuple[LiveSession, int, tuple[int, ...]]] = []
        self.stdio = StdioPrograms(self)
        self.reports: list[tuple[int, messages.Report, int]] = []
        self.room = 0
        self.asked: list[tuple[str, int]] = []
        self.tasks: list[tuple[object, ...]] = []
        self.links = LauncherLinks(
            self.log,
            self._on_room,
            lambda *task: self.tasks.append(task),
            lambda: self.now,
        )
        self.links.tell_reports(lambda *report: self.reports.append(report))
        made.append(self)
        self.launchers: dict[int, FakeLauncher] = {}
        number = 0
        for name in services:
            service = Service.model_validate({"name": name, "server": "/bin/cat", "listen": ["127.0.0.1:7999"], **keys})
            self.in_force.services[name] = CompiledService(service, None)
            self.in_force.launchers_of = {**self.in_force.launchers_of, name: tuple(range(number, number + lanes))}
            number += lanes
        for launcher in range(number):
            self.link(launcher)

    def carry(self, session: LiveSession, mode: int, fds: tuple[int, ...]) -> None:
        """What a relay is given."""
        self.carried.append((session, mode, fds))

    def encrypt(self, session: LiveSession, fds: tuple[int, int], idle: float, first_byte: float) -> Leg:
        raise AssertionError

    def hold(self, listener: object, *, secure: bool = False) -> bool:
        return False

    def _on_room(self) -> None:
        self.room += 1

    def close(self) -> None:
        """Close all that is open."""
        for link in self.links:
            link.close()
        self.links._epoll.close()

    def link(self, number: int) -> bool:
        """Give a launcher a (new) pair."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.launchers[number] = FakeLauncher(theirs)
        return self.links.add(number, ours.detach())

    def pair(self, number: int) -> int:
        """A new pair for a launcher; the front's end, for ``Recovery.take``."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.launchers[number] = FakeLauncher(theirs)
        return ours.detach()

    def ask(self, word: str, *, number: int = 0) -> None:
        """Take a request to the master."""
        self.asked.append((word, number))

    def session(self, name: str, address: str = "192.0.2.1") -> LiveSession:
        """A session that was admitted."""
        return self.book.enter(self.in_force.services[name], Peer(address, 4, 1), self.now)


def descriptor() -> int:
    """A descriptor to give away."""
    return os.open("/dev/null", os.O_RDONLY)


def task_of(task: tuple[object, ...]) -> tuple[Callable[..., Any], tuple[object, ...]]:
    """A task that was to be started, and its arguments."""
    return cast("Callable[..., Any]", task[0]), task[1:]


def an_option(name: str, value: str) -> Any:
    """A rule's option, as far as commands look at it."""
    return SimpleNamespace(name=name, value=value, digest="0" * 16, origin="hosts.allow:1")
