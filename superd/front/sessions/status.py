"""Takes a picture of the front's state.

Runs in: the front. Only reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.status import FrontStatus, ServiceStatus, SessionStatus

if TYPE_CHECKING:
    from superd.front.gate.waiting_room import WaitingRoom
    from superd.front.in_force import InForce
    from superd.front.sessions.book import SessionBook
    from superd.occupancy import Occupancy
    from superd.policy.bans import Sensor


def status(
    in_force: InForce,
    book: SessionBook,
    counts: Occupancy,
    bans: Sensor,
    room: WaitingRoom,
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
    return FrontStatus(services, sessions, len(room), len(bans))
