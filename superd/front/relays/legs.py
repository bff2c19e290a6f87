"""The encrypted leg of a session: from its client to the plain end that everything else of the front serves.

Runs in: the front, which has no key and sees no byte of it. A leg has a number of its own, so that its session's plain bytes can
be carried by a relay too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import trio

from superd.errors import ControlError
from superd.front.sessions.live import Carried, Stage
from superd.ipc import relay_messages as messages
from superd.ipc.launch_records import TLS_FACTS
from superd.record import Ending

if TYPE_CHECKING:
    from superd.front.relays.relay_link import RelayLink
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession, Running
    from superd.through import Facts


class Leg:
    """One leg. ``facts`` and ``names`` are what its handshake has shown, ``failure`` why it failed."""

    def __init__(self, number: int, session: LiveSession, book: SessionBook) -> None:
        self.number = number
        self.link: RelayLink | None = None
        self.facts: Facts = ()
        self.names: frozenset[str] = frozenset()
        self.failure = ""
        self._session = session
        self._book = book
        self._carried: Carried | None = None
        self._settled = trio.Event()
        self._over = False

    @property
    def service(self) -> str:
        """Return its session's service."""
        return self._session.service.name

    @property
    def source(self) -> int:
        """A number that the client's legs have in common."""
        peer = self._session.record.peer
        return peer.number if peer is not None else 0

    async def settled(self) -> None:
        """Return when the handshake is over, one way or another."""
        await self._settled.wait()

    def end(self) -> None:
        """End it at once; does nothing the second time."""
        if self.link is not None and not self._over:
            self.link.send(messages.End(self.number))

    def follow(self) -> None:
        """The session's program has the plain end: the session is over when the program is, and its client has all of it."""
        session = self._session
        if session.stage is Stage.OVER or self._over or session.running is None:
            return
        self._carried = session.carried = Carried()
        session.running = _Encrypted(session.running, self, self._carried)

    # ------------------------------------------------------------------ what its relay says

    def secured(self, data: bytes) -> None:
        """Take what the handshake has shown. Raises ``ControlError`` for what no relay of ours says, or says twice."""
        if self._settled.is_set() or self.failure:
            raise ControlError("a handshake that was over")
        found = read_facts(data)
        if "error" in found:
            self.failure = found["error"] or "it failed"
            return  # its end follows
        self.names = frozenset(name for name in found.pop("names", "").split("\n") if name)
        self.facts = tuple(found.items())
        self._settled.set()

    def over(self, report: messages.Over) -> None:
        """Its relay has ended it."""
        self._over = True
        session, record = self._session, self._session.record
        if not self._settled.is_set():
            self.failure = self.failure or "the client closed the connection"
            self._settled.set()
            return
        if session.stage is Stage.OVER:
            return
        record.traffic = (report.received, report.sent)
        carried, self._carried = self._carried, None
        if carried is not None and session.carried is carried:
            session.carried = None
        if carried is not None and carried.end is not None:
            self._book.over(session, carried.end)
        elif report.reason == messages.IDLE:
            self._book.end_silent(session)
        elif report.reason == messages.SESSION:
            self._book.end_mute(session)

    def lost(self, why: str = "its relay is gone") -> None:
        """No relay carries it any more, or none did."""
        self._session.record.ended_by = self._session.record.ended_by or Ending.FAULT
        self.failure = self.failure or why
        self.over(messages.Over(self.number, 0, 0, 0.0, messages.FAULT))


class _Encrypted:
    """A program with a leg between it and its client, as what runs for a session."""

    def __init__(self, program: Running, leg: Leg, carried: Carried) -> None:
        self._program = program
        self._leg = leg
        self._carried = carried

    def signal(self, conn: int, number: int) -> None:
        """Signal the program; when that has ended, what is left for the client is not waited for."""
        if self._carried.end is None:
            self._program.signal(conn, number)
        else:
            self._leg.end()


def read_facts(data: bytes) -> dict[str, str]:
    """Return what a relay says of a handshake. Raises ``ControlError``."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ControlError("what a handshake has shown is not JSON") from None
    if not isinstance(found, dict) or not found.keys() <= {*TLS_FACTS, "names", "error"}:
        raise ControlError("a handshake has shown what is not in the table")
    if not all(isinstance(value, str) for value in found.values()):
        raise ControlError("a handshake has shown what is not a text")
    return found
