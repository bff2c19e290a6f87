"""A connection that has to wait for something: what its session, its rule's options and its redirect share.

Runs in: the front. Holds values; does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from superd.frozen import frozen

if TYPE_CHECKING:
    import trio

    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.front.gate.waiting_room import Place, WaitingRoom
    from superd.front.handing_over import Carries, HandsOver, RunsCommands, StartTask
    from superd.front.in_force import InForce
    from superd.front.relays.legs import Leg
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.front.stream.queueing import WaitingQueue
    from superd.peer import Peer
    from superd.record import SessionRecord
    from superd.syslog_priority import LevelWord


class ConnectionLog(Protocol):
    """What connections write themselves, besides what the session book writes."""

    def message(self, level: LevelWord, text: str, service: str = "", *, record: SessionRecord | None = None) -> None: ...
    def admitted_by_rule(self, record: SessionRecord) -> None: ...
    def identified(self, record: SessionRecord) -> None: ...
    def flush(self) -> None: ...
    def flush_soon(self) -> None: ...


class NameSource(Protocol):
    """Finds names of addresses; ``superd.net.resolve.Resolver`` is one."""

    async def name_of(self, address: str) -> str: ...


@frozen
class Trip:
    """The parts of the front that a connection meets. Built once."""

    gate: Gate
    book: SessionBook
    dispatch: HandsOver
    commands: RunsCommands
    carriers: Carries
    names: NameSource
    room: WaitingRoom
    queue: WaitingQueue
    log: ConnectionLog
    start_task: StartTask
    in_force: InForce
    clock: Callable[[], float]


class Connection:
    """One connection with its session. ``client`` and ``server`` gain names as these become known.

    ``no_user`` says why the client's ident server named no user, in xinetd's words. ``leg`` is its encrypted part.
    """

    __slots__ = ("client", "leg", "no_user", "place", "server", "service", "session", "sock")

    def __init__(self, sock: trio.socket.SocketType, session: LiveSession, client: Peer, server: Peer, place: Place) -> None:
        self.sock = sock
        self.session = session
        self.service: CompiledService = session.service
        self.client = client
        self.server = server
        self.place = place
        self.no_user = "no server"
        self.leg: Leg | None = None
