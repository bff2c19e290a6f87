"""How full the limits of a service are, and who fills them most: for operators. Pure; runs in the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from superd.occupancy import Network, Occupancy, Source
    from superd.policy.admission import Access


class Fullness(NamedTuple):
    """``used`` of ``limit`` (-1: no number) of what the key ``key`` limits; ``who`` has most of it, or what the limit is."""

    key: str
    used: int
    limit: int
    who: str


def fullness(access: Access, counts: Occupancy, now: float) -> list[Fullness]:
    """Return each limit for sources that the service has. Looks at every live session's source: not for each connection."""
    found: list[Fullness] = []
    most: dict[int, tuple[int, Source | Network]] = {}
    for (name, source), running in counts.by_source.items() if access.counts_sources or access.has_networks else ():
        if name == access.name:
            shift = source[2] if len(source) == 3 else -1
            most[shift] = max(most.get(shift, (0, source)), (running, source))
    if access.per_source is not None:
        running, source = most.get(-1, (0, (4, 0)))
        found.append(Fullness("per_source", running, int(access.per_source), access.describe(source[:2]) if running else ""))
    for wide in access.wide:
        if wide.sessions is not None:
            running, source = max((most.get(shift, (0, (4, 0, 0))) for shift in wide.shifts), key=lambda each: each[0])
            found.append(Fullness("limits.source", running, wide.sessions, wide.describe_source(source[:2]) if running else ""))
    for table, reason in access.rates:
        found.append(Fullness(reason.value, table.limited(now), -1, str(table)))
    for wide in access.wide:
        if wide.rate is not None:
            found.append(Fullness("limits.source", wide.rate.limited(now), -1, str(wide.rate)))
    if access.starts is not None:
        found.append(Fullness("limits.per_minute", access.starts.within(now), access.starts.limit, ""))
    if access.penalties is not None:
        found.append(Fullness("limits.penalties", sum(1 for _ in access.penalties.living(now)), -1, "have penalties"))
    return found
