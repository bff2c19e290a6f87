"""A live session: its facts, its stage, and what runs for it.

Runs in: the front. Decides nothing and logs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trio import CancelScope

    from superd.front.gate.compiled_service import CompiledService
    from superd.occupancy import Source
    from superd.record import SessionRecord


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


class LiveSession:
    """One session from its admission to its end. ``SessionBook`` makes it; only the book sets OVER.

    ``source`` is what the session is counted under, or None. ``running`` is what a deadline signals. ``launcher`` is the
    number of the launcher that was given the socket, or None. ``on_end`` is called once, in order, when the session is over:
    whoever begins something alongside the session adds a callback that ends it.
    """

    __slots__ = ("launcher", "on_end", "record", "running", "service", "source", "stage")

    def __init__(self, record: SessionRecord, service: CompiledService, source: Source | None) -> None:
        self.record = record
        self.service = service
        self.source = source
        self.stage = Stage.ACCEPTED
        self.running: Running | None = None
        self.launcher: int | None = None
        # A tuple: most sessions have none, and an empty tuple costs no memory.
        self.on_end: tuple[Callable[[LiveSession], None], ...] = ()

    def when_over(self, callback: Callable[[LiveSession], None]) -> None:
        """Add a callback to ``on_end``."""
        self.on_end = (*self.on_end, callback)
