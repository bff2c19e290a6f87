"""How a front leaves: at the end of superd, or to make room for the next front.

Runs in: the front. Decides nothing about a client.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Protocol

from superd.front.ending import end
from superd.front.kept import kept
from superd.front.relays.relay_link import RelayLink
from superd.front.retirement import retire
from superd.front.sessions.live import Stage
from superd.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from superd.front.ending import EndLog
    from superd.front.handing_over import StartTask
    from superd.front.in_force import InForce
    from superd.front.kept import Counted
    from superd.front.sessions.book import SessionBook
    from superd.ipc import front_orders


class Queue(Protocol):
    """Clients that wait for a place; ``superd.front.stream.queueing.WaitingQueue`` is one."""

    def close(self) -> None: ...
    def pass_on(self, channel: socket.socket) -> None: ...


class Closes(Protocol):
    """The listening sockets; ``superd.net.listener.ListenerSet`` is one."""

    def close(self) -> None: ...


class Settles(Protocol):
    """Has sessions on their way to another process: launches and carriers do."""

    @property
    def settled(self) -> bool: ...


@frozen
class Leaving:
    """The parts that must let go. ``stopped`` tells the master that a stop is done; ``cancel`` ends the process."""

    in_force: InForce
    book: SessionBook
    room: Sized
    queue: Queue
    listeners: Closes
    launches: Settles
    carriers: Settles
    counted: Counted
    log: EndLog
    start_task: StartTask
    stopped: Callable[[], None]
    cancel: Callable[[], None]

    def stop(self, order: front_orders.Stop) -> None:
        """Let sessions end, or end them; then end the process."""
        self.start_task(end, order, self.book, self._close, self.log, self._on_end)

    def retire(self, order: front_orders.Retire) -> None:
        """Make room for another front when the master says so."""
        self.start_task(self._retire, order)

    async def _retire(self, order: front_orders.Retire) -> None:
        with socket.socket(fileno=order.waiting) as waiting:

            def close() -> None:
                self.in_force.listeners.clear()
                self.queue.pass_on(waiting)
                self.listeners.close()

            def what_was_counted() -> bytes:
                self.queue.pass_on(waiting)  # clients that a proxy has announced meanwhile
                return kept(self.counted, time.monotonic())

            await retire(order.go, order.memory, close, self.settled, what_was_counted, self.log, self.cancel)

    def settled(self) -> bool:
        """Return whether no session is this process's alone: all others are known to launchers and relays."""
        alone = any(
            session.stage is not Stage.RUNNING
            and (session.stage is not Stage.SERVING or not isinstance(session.running, RelayLink))
            for session in self.book
        )
        return not alone and not len(self.room) and self.carriers.settled and self.launches.settled

    def _close(self) -> None:
        self.in_force.listeners.clear()
        self.queue.close()
        self.listeners.close()

    def _on_end(self) -> None:
        self.stopped()
        self.cancel()
