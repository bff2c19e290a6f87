"""Small fakes of what the parts of the front take: a clock, a log, what runs for a session, services in one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from superd.front.gate.compiled_service import CompiledService
from superd.front.gate.conditions import FrontConditions
from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.front.sessions.book import SessionBook
from superd.front.sessions.deadlines import Deadlines
from superd.front.sessions.view import View
from superd.log.event import Kind
from superd.occupancy import Occupancy
from superd.peer import Peer, peer_from_text
from superd.policy.penalties import sensors_table
from superd.record import SessionRecord
from superd.service import Service
from superd.settings import Settings
from superd.verdict import Verdict
from tests.clock import Clock

CLIENT = peer_from_text("192.0.2.7", 4711)


def service(name: str = "s", **keys: Any) -> CompiledService:
    """A service that runs /bin/cat, without a limit on its rate, except for ``keys``."""
    values: dict[str, Any] = {"name": name, "port": 7, "cps": [0, 0], **keys}
    if not values.keys() & {"redirect", "type", "flags"}:
        values.setdefault("server", "/bin/cat")
    return CompiledService(Service.model_validate(values))


class FakeLog:
    """Every event as a tuple, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.flushes = 0

    def started(self, record: SessionRecord) -> None:
        self.events.append(("START", record.service.name, record.conn, record.pid))

    def exited(self, record: SessionRecord) -> None:
        self.events.append(("EXIT", record.service.name, record.conn, record.status, record.seconds))

    def refused(self, record: SessionRecord, verdict: Verdict) -> None:
        self.events.append(("FAIL", record.service.name, record.conn, verdict.reason))

    def message(
        self, level: str, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE, record: SessionRecord | None = None
    ) -> None:
        self.events.append((level, record.service.name if record is not None else service, text))

    def datagram(self, record: SessionRecord, verdict: Verdict | None = None) -> None:
        self.events.append(("DATAGRAM", record.service.name, None if verdict is None else verdict.reason))

    def identified(self, record: SessionRecord) -> None:
        self.events.append(("USER", record.service.name, record.userid))

    def admitted_by_rule(self, record: SessionRecord) -> None:
        self.events.append(("GRANTED", record.service.name, record.severity))

    def flush(self) -> None:
        self.flushes += 1

    def flush_soon(self) -> None:
        self.flushes += 1

    def take(self) -> list[tuple[Any, ...]]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events


class FakeRunning:
    """What runs for a session: remembers its signals."""

    def __init__(self) -> None:
        self.signals: list[tuple[int, int]] = []

    def signal(self, conn: int, number: int) -> None:
        self.signals.append((conn, number))


class Parts:
    """A session book with all it needs, and what it needs, for a test to look at."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = FakeLog()
        self.counts = Occupancy()
        self.sensors = sensors_table()
        self.deadlines = Deadlines(self.clock)
        self.crowds = 0
        self.book = SessionBook(self.log, self.counts, self.deadlines, self.sensors, self.clock, self._crowd_gone)

        self.world = FrontConditions(Settings())
        self.world.sensors = self.sensors
        self.room = WaitingRoom()

    def view(self, in_force: InForce, *, leftovers: int = 0, waiting: int = 0, ends: dict[str, float] | None = None) -> View:
        """What operators see of these parts, with as many leftovers and waiting clients of each service."""
        lines = SimpleNamespace(waiting=lambda name: waiting)
        work = SimpleNamespace(rules=3, lookups=5, seconds=0.5)
        carriers = SimpleNamespace(ends=ends)
        return View(in_force, self.book, self.counts, self.world, self.room, lines, carriers, work, work, lambda name: leftovers)

    def _crowd_gone(self) -> None:
        self.crowds += 1


def peer(address: str, port: int = 4711) -> Peer:
    return peer_from_text(address, port)
