"""When connections are accepted: after what earlier programs are is known, and by the batch while launchers are busy.

Runs in: the front. Decides about no client: `arrivals.py` does, with each batch.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio

from superd.front.stream.passing_on import passed_on
from superd.log.event import Kind

if TYPE_CHECKING:
    from superd.front.gate.gate import Gate
    from superd.front.stream.arrivals import Arrivals
    from superd.net.listener import ListenerSet
    from superd.syslog_priority import LevelWord

COALESCE = 0.001
"""Seconds that the loop stands still at most for a busy launcher: epoll's smallest step."""
ADOPT_SECONDS = 2.0
"""Seconds a new front waits for launchers and relays to report what runs, before it accepts without knowing."""


class Starts(Protocol):
    """Starts programs; ``superd.front.programs.launches.Launches`` is one."""

    @property
    def busy(self) -> bool: ...
    async def adopted(self) -> None: ...
    def flush(self) -> None: ...
    def poll(self, seconds: float) -> bool: ...


class Adopts(Protocol):
    """Has sessions of an earlier front; ``superd.front.relays.carriers.Carriers`` is one."""

    async def adopted(self) -> None: ...


class AcceptLog(Protocol):
    """What accepting writes."""

    def message(self, level: LevelWord, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE) -> None: ...
    def flush(self) -> None: ...


class Accepting:
    """The one loop that accepts."""

    def __init__(self, listeners: ListenerSet, gate: Gate, launches: Starts, carriers: Adopts, log: AcceptLog) -> None:
        self._listeners = listeners
        self._gate = gate
        self._launches = launches
        self._carriers = carriers
        self._log = log

    async def run(self, arrivals: Arrivals, waiting: int | None) -> None:
        """Accept until the listeners are closed. ``waiting`` has the clients of an earlier front's queue; it is this object's."""
        # What an earlier front started counts: limits would let too many in before launchers have reported what lives.
        with trio.move_on_after(ADOPT_SECONDS):
            await self._launches.adopted()
            await self._carriers.adopted()
        if waiting is not None:
            with socket.socket(fileno=waiting) as channel:
                for waited in passed_on(channel):
                    arrivals.take_on(waited)
        await self._listeners.run(arrivals.on_ready, self.end_batch, self._next_together)

    def end_batch(self) -> None:
        """Send what a batch of clients has led to: launches to launchers, lines to the log."""
        self._gate.end_batch()
        self._launches.flush()
        self._log.flush()

    def _next_together(self) -> bool:
        """Whether launchers are so busy that the next connections are better taken together.

        They wait at most COALESCE, in which time a launcher starts a handful of programs. Without this the front wakes for
        each connection, and costs more than the program's start.
        """
        return self._launches.busy and self._launches.poll(COALESCE)


_REMEDIES = {
    errno.EMFILE: "; raise LimitNOFILE in superd's unit, or `ulimit -Hn 65536`",
    errno.ENFILE: "; raise the sysctl fs.file-max",
}
"""What an operator can do, by errno."""


def log_overload(log: AcceptLog) -> Callable[[int], None]:
    """Return what is to be called with the errno when accepting pauses."""

    def on_overload(number: int) -> None:
        text = f"accepting pauses until there is room: {os.strerror(number)}{_REMEDIES.get(number, '')}"
        log.message("error", text, kind=Kind.PAUSE)
        log.flush()

    return on_overload
