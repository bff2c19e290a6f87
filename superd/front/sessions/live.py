"""A live session: its facts, its stage, and what runs for it.

Runs in: the front. Decides nothing and logs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from superd.frozen import frozen

if TYPE_CHECKING:
    from trio import CancelScope

    from superd.front.gate.compiled_service import CompiledService
    from superd.occupancy import Network, Source
    from superd.record import SessionRecord
    from superd.verdict import Verdict


class Stage(Enum):
    """Where a session is on its trip. Every stage may also go to OVER.

    =============  ==========================================================  ========================
    stage          what happens                                                next
    =============  ==========================================================  ========================
    ACCEPTED       admitted by the service's own rules, and counted            WAITING, SERVING, HANDED_OVER
    WAITING        a task waits for a name, a banner or a command              DECIDED
    DECIDED        the verdict is known                                        SERVING, HANDED_OVER
    SERVING        the front itself serves: an internal service, a redirect    OVER
    HANDED_OVER    a launcher has the socket, or will be sent it               RUNNING
    RUNNING        the program runs as ``record.pid``                          OVER
    OVER           not counted any more                                        -
    =============  ==========================================================  ========================
    """

    ACCEPTED = "accepted"
    WAITING = "waiting"
    DECIDED = "decided"
    SERVING = "serving"
    HANDED_OVER = "handed over"
    RUNNING = "running"
    OVER = "over"


SERVING, HANDED_OVER, RUNNING, OVER = Stage.SERVING, Stage.HANDED_OVER, Stage.RUNNING, Stage.OVER
"""For the path of a connection: a member asked for by its class costs 0.1 µs."""


class Running(Protocol):
    """What runs for a session: a launcher's program, or a task of the front."""

    def signal(self, conn: int, number: int) -> None:
        """Send a signal to what runs for connection ``conn``; a task ends at any signal."""


class Task:
    """A task of the front as what runs for a session: any signal cancels its scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: CancelScope) -> None:
        self._scope = scope

    def signal(self, conn: int, number: int) -> None:
        """Cancel the task."""
        self._scope.cancel()


class Exited(NamedTuple):
    """The end of a program: its wait(2) status, the seconds it lived, its CPU seconds and peak memory in KiB if known.

    ``out_of_memory``: the kernel ended it because the memory of its group ran out.
    """

    status: int
    seconds: float
    usage: tuple[float, float, int] | None = None
    out_of_memory: bool = False


@frozen
class Refused:
    """The end of a session that never began: its verdict, or why its program could not be started."""

    verdict: Verdict


@frozen
class Served:
    """The end of a session that the front itself served."""


End = Exited | Refused | Served
SERVED = Served()


class Carried:
    """What is between a program and its client: a relay. ``end`` is the program's, when that has ended before the relay."""

    __slots__ = ("end",)

    def __init__(self) -> None:
        self.end: Exited | None = None


class LiveSession:
    """One session from its admission to its end. ``SessionBook`` makes it; only the book sets OVER.

    ``source`` is what the session is counted under, or None; ``networks`` are what else.
    ``running`` is what a deadline signals. ``launcher`` is the
    number of the launcher that was given the socket, or None. ``on_end`` is called once, in order, when the session is over:
    code that begins something alongside the session adds a callback that ends it.
    """

    __slots__ = ("carried", "launcher", "networks", "on_end", "record", "running", "service", "source", "stage")

    def __init__(
        self, record: SessionRecord, service: CompiledService, source: Source | None, networks: tuple[Network, ...] = ()
    ) -> None:
        self.networks = networks
        self.record = record
        self.service = service
        self.source = source
        self.stage = Stage.ACCEPTED
        self.running: Running | None = None
        self.launcher: int | None = None
        self.carried: Carried | None = None
        """Set while a relay carries the bytes of the session's program: the session is over when both are."""
        # A tuple: most sessions have none, and an empty tuple costs no memory.
        self.on_end: tuple[Callable[[LiveSession], None], ...] = ()

    def when_over(self, callback: Callable[[LiveSession], None]) -> None:
        """Add a callback to ``on_end``."""
        self.on_end = (*self.on_end, callback)
