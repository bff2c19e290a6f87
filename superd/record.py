"""The facts of one session that log lines are made of. Formats nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.service import Service


class SessionRecord:
    """The facts of one session. ``started`` is monotonic seconds, ``traffic`` (from client, to client) in bytes.

    ``status`` is the wait(2) status of the program, or None where the front itself served; ``userid`` is the answer of the
    client's ident server as it came. Mutable: the session that owns the record adds facts as they become known.
    """

    __slots__ = ("conn", "peer", "pid", "seconds", "service", "severity", "started", "status", "traffic", "userid")

    def __init__(self, conn: int, service: Service, peer: Peer | None, started: float) -> None:
        self.conn = conn
        self.service = service
        self.peer = peer
        self.started = started
        self.pid = 0
        self.status: int | None = None
        self.seconds = 0.0
        self.traffic: tuple[int, int] | None = None
        self.severity = ""
        self.userid = ""
