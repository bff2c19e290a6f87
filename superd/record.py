"""One session, from accept to end: what every log line about it is made of. Formats nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio import CancelScope

    from superd.occupancy import Source
    from superd.peer import Peer
    from superd.service import Service


class SessionRecord:
    """A living session. ``started`` is monotonic seconds, ``traffic`` (from client, to client) in bytes.

    ``status`` is the wait(2) status of its program, or None for what the front served itself; ``userid`` is what the client's
    ident server said, to the letter. Mutable: it gathers what
    becomes known; the session owns it.
    """

    __slots__ = (
        "conn",
        "listener",
        "peer",
        "pid",
        "profile",
        "scope",
        "seconds",
        "service",
        "severity",
        "source",
        "started",
        "status",
        "traffic",
        "usage",
        "userid",
    )  # fmt: skip

    def __init__(self, conn: int, service: Service, peer: Peer | None, started: float) -> None:
        self.conn = conn
        self.service = service
        self.peer = peer
        self.started = started
        self.source: Source | None = None
        self.pid = 0
        self.profile: int | None = None
        self.status: int | None = None
        self.seconds = 0.0
        self.usage: tuple[float, float, int] = (0.0, 0.0, 0)
        self.traffic: tuple[int, int] | None = None
        self.severity = ""
        self.userid = ""
        self.listener: object = None
        self.scope: CancelScope | None = None
