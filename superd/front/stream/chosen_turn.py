"""When the session begins of the service that a client named to tcpmux: at once, or after a wait in its queue.

Runs in: the front. Never serves the session; ``session.py`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from superd.front.stream.connection import Connection, Trip
from superd.verdict import ADMITTED, Ask, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService


class ChosenTurn:
    """``begun`` is the connection whose session has begun, with the verdict or question ``first``; None: it was refused.

    ``gone`` is whether another front has the connection, too.
    """

    def __init__(self, trip: Trip, connection: Connection) -> None:
        self._trip = trip
        self._connection = connection
        self.through = connection.session.record.through
        self.gone = False
        self._over = trio.Event()
        self.begun: Connection | None = None
        self.first: Verdict | Ask = ADMITTED

    async def come(self, service: CompiledService) -> None:
        """Wait in the queue until the session has begun or the client is refused."""
        connection, queue = self._connection, self._trip.queue
        fd = connection.sock.fileno()
        refusal = queue.enter(service, connection.client, connection.server, fd, self)
        if refusal is not None:
            self.refuse(service, refusal)
        try:
            await self._over.wait()
        finally:
            queue.leave(fd)

    def serve(self, service: CompiledService, first: Verdict | Ask) -> None:
        """Begin the session, if there is a place for it until its verdict."""
        trip, old = self._trip, self._connection
        place = trip.room.enter(service, old.client)
        if place is None:
            self.refuse(service, trip.room.overload(first))
            return
        session = trip.book.enter(service, old.client, trip.clock(), through=self.through)
        self.begun, self.first = Connection(old.sock, session, old.client, old.server, place), first
        self._over.set()

    def refuse(self, service: CompiledService, verdict: Verdict) -> None:
        """Refuse the client."""
        self._trip.book.turned_away(service, self._connection.client, verdict, self.through)
        self._over.set()

    def passed_on(self) -> None:
        """Note that another front has the connection, too."""
        self.gone = True
        self._over.set()
