"""Takes a picture of the front's state.

Runs in: the front. Only reads.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from superd.certificate import days_left
from superd.status import FrontStatus, PenaltyStatus, ServiceStatus, SessionStatus

if TYPE_CHECKING:
    from superd.front.in_force import InForce
    from superd.front.sessions.view import View
    from superd.policy.penalties import Penalties


MOST_PENALTIES = 1000
"""Penalties of one service that are named one by one."""


def status(view: View, now: float, today: float) -> FrontStatus:
    """Return the state at ``now``, monotonic seconds. ``today``, seconds since 1970, is what certificates end after."""
    in_force, sensors = view.in_force, view.conditions.sensors
    services = tuple(
        ServiceStatus(
            name,
            tuple(address.describe() for address in service.service.addresses()),
            view.counts.by_service.get(name, 0),
            view.leftovers_of(name),
            view.queue.waiting(name),
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
        for session in view.book
    )
    ends = tuple((name, days_left(end, today)) for name, end in sorted((view.carriers.ends or {}).items()))
    return FrontStatus(services, sessions, len(view.room), len(sensors), penalties_of_all(in_force, sensors, now), ends)


def penalties_of_all(in_force: InForce, sensors: Penalties, now: float) -> tuple[PenaltyStatus, ...]:
    """Return the sources that are refused for their penalties, at most ``MOST_PENALTIES`` of each table.

    The service is "" where all services refuse a source: it touched a sensor.
    """
    found = [
        PenaltyStatus("", describe_address(source), known.until - now, known.why(), known.refused)
        for source, known in islice(sensors.living(now), MOST_PENALTIES)
    ]
    for name, service in sorted(in_force.services.items()):
        table = service.access.penalties
        for source, known in islice(table.living(now), MOST_PENALTIES) if table else ():
            found.append(PenaltyStatus(name, service.access.describe(source), known.until - now, known.why(), known.refused))
    return tuple(found)


def forgive(
    in_force: InForce, sensors: Penalties, network: ipaddress.IPv4Network | ipaddress.IPv6Network, service: str, now: float
) -> Iterator[PenaltyStatus]:
    """Forget the penalties of all sources within ``network``, of one service or of all, and return those that still counted."""
    whole = (network.version, int(network[0]), int(network[-1]))
    if not service:
        for source, known in sensors.forgive(_within(sensors, *whole, 0), now):
            yield PenaltyStatus("", describe_address(source), known.until - now, known.why(), known.refused)
    for name, one in in_force.services.items():
        table = one.access.penalties
        if table and service in ("", name):
            shift = one.access.shift(network.version)
            for source, known in table.forgive(_within(table, *whole, shift), now):
                yield PenaltyStatus(name, one.access.describe(source), known.until - now, known.why(), known.refused)


def _within(table: Penalties, version: int, first: int, last: int, shift: int) -> list[tuple[int, int]]:
    low, high = first >> shift, last >> shift
    return [source for source in table.sources() if source[0] == version and low <= source[1] <= high]


def describe_address(source: tuple[int, int]) -> str:
    """Return a whole address as it is written."""
    version, number = source
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))
