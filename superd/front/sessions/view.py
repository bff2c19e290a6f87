"""What operators may look at: the parts of the front whose state `superd status`, the panel and a dump show.

Runs in: the front. Holds the parts; does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.front.gate.conditions import FrontConditions
    from superd.front.gate.waiting_room import WaitingRoom
    from superd.front.in_force import InForce
    from superd.front.sessions.book import SessionBook
    from superd.occupancy import Occupancy


class Lines(Protocol):
    """The queue of clients that wait for a place; ``superd.front.stream.queueing.WaitingQueue`` is one."""

    def waiting(self, service: str) -> int: ...


class Certificates(Protocol):
    """When the certificate of each service ends, in seconds since 1970; ``superd.front.relays.carriers.Carriers`` knows."""

    @property
    def ends(self) -> Mapping[str, float] | None: ...


class Tables(Protocol):
    """Counts the rules in force and the seconds of reading them; ``superd.front.gate.policy_watch.PolicyWatch`` is one."""

    @property
    def rules(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class LookUps(Protocol):
    """Counts look-ups of names and their seconds; ``superd.net.resolve.Resolver`` is one."""

    @property
    def lookups(self) -> int: ...
    @property
    def seconds(self) -> float: ...


@frozen
class View:
    """``leftovers_of`` returns how many processes a service's programs left."""

    in_force: InForce
    book: SessionBook
    counts: Occupancy
    conditions: FrontConditions
    room: WaitingRoom
    queue: Lines
    carriers: Certificates
    tables: Tables
    names: LookUps
    leftovers_of: Callable[[str], int]
