"""What a front has counted, written down for the next one: penalties, bans by sensors, rates, hits of bans, tallies.

What: makes JSON of it, in pieces so that the loop never stands still for long; and takes it over from a front before.
Runs in: front.
Never: believes more of what an earlier front wrote than that it is a list of numbers within bounds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from superd.frozen import frozen
from superd.ipc.front_orders import MAX_KEPT
from superd.policy.penalties import Penalty

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.tally import Tallies
    from superd.occupancy import Source
    from superd.policy.penalties import Penalties
    from superd.policy.wished import Wished

STEP = 1000
"""Rows between two pauses: a millisecond's work."""
MOST_OFFENCES = 64
"""Kinds of offences of one source: the causes, or the sensors that it touched."""

_Rows = list[Any]


@frozen
class Counted:
    """What a front counts that the next one should know."""

    services: Mapping[str, CompiledService]
    sensors: Penalties
    wished: Wished
    tallies: Tallies


def pieces(counted: Counted, now: float) -> Iterator[str]:
    """Return everything as JSON in pieces, at most ``MAX_KEPT`` characters; some are empty: a moment to do something else.

    What has no room is left out.
    """
    left = MAX_KEPT - 64
    begun = "{"
    for part, members in (
        ("sensors", iter([("", _penalty_rows(counted.sensors, now))])),
        ("hits", iter([("", iter([counted.wished.hits()]))])),
        ("tallies", ((name, iter([[tally.state(now)]])) for name, tally in counted.tallies.all())),
        ("rates", _rate_members(counted.services, now)),
        ("starts", _start_members(counted.services)),
        ("penalties", _penalty_members(counted.services, now)),
    ):
        rows: list[str] = []
        for name, found in members:
            own: list[str] = []
            for some in found:
                own += [json.dumps([name, row]) for row in some]
                yield ""
            size = sum(map(len, own)) + len(own)
            if size <= left:
                left -= size
                rows += own
        yield f'{begun}"{part}":[{",".join(rows)}]'
        begun = ","
    yield "}"


def kept(counted: Counted, now: float) -> bytes:
    """Return all pieces together."""
    return "".join(pieces(counted, now)).encode()


def _in_steps(sources: Sequence[Source], rows: Callable[[Sequence[Source]], _Rows]) -> Iterator[_Rows]:
    for start in range(0, len(sources), STEP):
        yield rows(sources[start : start + STEP])


def _penalty_rows(table: Penalties, now: float) -> Iterator[_Rows]:
    return _in_steps(table.sources(), lambda some: table.entries(some, now))


def _penalty_members(services: Mapping[str, CompiledService], now: float) -> Iterator[tuple[str, Iterator[_Rows]]]:
    for name, service in list(services.items()):
        if service.access.penalties:
            yield name, _penalty_rows(service.access.penalties, now)


def _rate_members(services: Mapping[str, CompiledService], now: float) -> Iterator[tuple[str, Iterator[_Rows]]]:
    for name, service in list(services.items()):
        for number, table in enumerate(service.access.tables):

            def rows(some: Sequence[Source], number: int = number, table: Any = table) -> _Rows:
                return [(number, *row) for row in table.entries(some, now)]

            yield name, _in_steps(table.sources(), rows)


def _start_members(services: Mapping[str, CompiledService]) -> Iterator[tuple[str, Iterator[_Rows]]]:
    for name, service in list(services.items()):
        if service.access.starts is not None:
            yield name, iter([[service.access.starts.state()]])


# ---------------------------------------------------------------------------------------------------- the next front


def restore(data: bytes, counted: Counted, now: float) -> None:
    """Take over what ``kept`` returned in an earlier front; what does not look like it is left out."""
    try:
        found = json.loads(data[:MAX_KEPT]) if data else {}
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    for _, row in _rows(found.get("sensors")):
        _restore_penalty(counted.sensors, row, now)
    for _, row in _rows(found.get("hits")):
        if _fits(row, 3) and isinstance(row[0], str) and isinstance(row[1], str) and _is_count(row[2]):
            counted.wished.hit(row[0], row[1], row[2])
    for name, row in _rows(found.get("tallies")):
        if name in counted.services and isinstance(row, list):
            counted.tallies.of(name).restore(row, now)
    for name, row in _rows(found.get("rates")):
        service = counted.services.get(name)
        if service is not None and _fits(row, 5) and all(map(_is_number, row)):
            number, version, address, tokens, since = row
            # The order is that of the keys of a service: one that has others now counts what fits.
            if _is_count(number) and number < len(service.access.tables) and _is_source(version, address):
                service.access.tables[number].restore((version, address), tokens, since, now)
    for name, row in _rows(found.get("starts")):
        service = counted.services.get(name)
        if service is not None and service.access.starts is not None and _fits(row, 3) and all(map(_is_number, row)):
            service.access.starts.restore(int(row[0]), row[1], row[2], now)
    for name, row in _rows(found.get("penalties")):
        service = counted.services.get(name)
        if service is not None and service.access.penalties is not None:
            _restore_penalty(service.access.penalties, row, now)


def _restore_penalty(table: Penalties, row: object, now: float) -> None:
    if not isinstance(row, list) or len(row) != 6:
        return
    version, number, until, since, refused, offences = row
    if not (_is_source(version, number) and _is_number(since) and _is_count(refused) and isinstance(offences, dict)):
        return
    known = all(len(offence) <= 300 and _is_count(count) for offence, count in offences.items())
    if known and 0 < len(offences) <= MOST_OFFENCES and (until is None or _is_number(until)):
        table.restore((version, number), Penalty(math.inf if until is None else until, since, offences, refused), now)


def _rows(value: object) -> Iterator[tuple[str, Any]]:
    for row in value if isinstance(value, list) else ():
        if _fits(row, 2) and isinstance(row[0], str):
            yield row[0], row[1]


def _fits(row: object, width: int) -> bool:
    return isinstance(row, list) and len(row) == width


def _is_source(version: object, number: object) -> bool:
    return type(version) is int and version in (0, 4, 6) and type(number) is int and -1 <= number < 1 << 128


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63
