"""Takes a picture of the front's state.

Runs in: the front. Only reads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from superd.status import FrontStatus, PenaltyStatus, ServiceStatus, SessionStatus

if TYPE_CHECKING:
    from superd.front.gate.waiting_room import WaitingRoom
    from superd.front.in_force import InForce
    from superd.front.sessions.book import SessionBook
    from superd.occupancy import Occupancy
    from superd.policy.bans import Sensor


MOST_PENALTIES = 1000
"""Penalties of one service that are named one by one."""


class Lines(Protocol):
    """The queue of clients that wait for a place."""

    def waiting(self, service: str) -> int: ...


def status(
    in_force: InForce,
    book: SessionBook,
    counts: Occupancy,
    bans: Sensor,
    room: WaitingRoom,
    queue: Lines,
    leftovers_of: Callable[[str], int],
    now: float,
) -> FrontStatus:
    """Return the state at ``now``, monotonic seconds. ``leftovers_of`` returns how many processes a service's programs left."""
    services = tuple(
        ServiceStatus(
            name,
            tuple(address.describe() for address in service.service.addresses()),
            counts.by_service.get(name, 0),
            leftovers_of(name),
            queue.waiting(name),
            service.daemon,
        )
        for name, service in sorted(in_force.services.items())
    )
    sessions = tuple(
        SessionStatus(
            session.record.conn,
            session.service.name,
            str(session.record.peer) if session.record.peer is not None else "",
            session.record.pid,
            session.stage.value,
            now - session.record.started,
        )
        for session in book
    )
    return FrontStatus(services, sessions, len(room), len(bans), penalties_of_all(in_force, now))


def penalties_of_all(in_force: InForce, now: float) -> tuple[PenaltyStatus, ...]:
    """Return the sources that services refuse for their penalties, at most ``MOST_PENALTIES`` of each service."""
    found: list[PenaltyStatus] = []
    for name, service in sorted(in_force.services.items()):
        table = service.access.penalties
        for source, known in islice(table.living(now), MOST_PENALTIES) if table else ():
            why = ", ".join(f"{cause.value} {count}" for cause, count in known.offences.items())
            found.append(PenaltyStatus(name, service.access.describe(source), known.until - now, why, known.refused))
    return tuple(found)
