"""How superd ends: at a signal, because nothing is left to serve, or by leaving all to the service manager.

Runs in: master.
Never: ends a process itself: the front ends by its order, and launchers when their master has gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from superd.exit_status import EX_FAILURE
from superd.ipc.front_orders import LAST_GRACE
from superd.log.event import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.log.log import Log
    from superd.master.former_front import FormerFront
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.in_service import InService
    from superd.master.leaving import Leaving
    from superd.master.notify import Notifier
    from superd.master.own_processes import OwnProcesses

KILL_GRACE = 5.0
"""Seconds over its own time that a front gets to end."""


class Stops(Protocol):
    """A part of the master that begins nothing new from here on."""

    def stop(self) -> None: ...


class Ending:
    """``parts`` stop when the end begins; ``close_listeners`` is called when the grace of connections is over."""

    def __init__(
        self,
        log: Log,
        notifier: Notifier,
        state: InService,
        orders: FrontOrders,
        front: FrontChild,
        former: FormerFront,
        processes: OwnProcesses,
        leaving: Leaving,
        parts: Iterable[Stops],
        close_listeners: Callable[[], None],
    ) -> None:
        self._log = log
        self._notifier = notifier
        self._state = state
        self._orders = orders
        self._front = front
        self._former = former
        self._processes = processes
        self._leaving = leaving
        self._parts = tuple(parts)
        self._close_listeners = close_listeners
        self.status = 0
        self.stopping = False
        self.left = False
        """Whether everything is the service manager's, for the superd that it starts next."""
        self.due: float | None = None
        """When a stopping superd closes its listeners (monotonic)."""

    def on_timer(self, now: float) -> None:
        """Close the listeners when the grace is over."""
        if self.due is not None and now >= self.due:
            self.due = None
            self._close_listeners()

    def begin(self, status: int) -> None:
        """Begin nothing more; superd ends with ``status`` as soon as it has no front."""
        self.status, self.stopping = status, True
        for part in self._parts:
            part.stop()

    def nothing_left(self) -> None:
        """End because there is no service any more."""
        self.status = EX_FAILURE
        self.stop(signal.SIGTERM)

    def stop(self, number: int) -> None:
        """End as this signal says; a second one leaves no grace."""
        settings = self._state.registry.settings
        again = self.stopping
        self._log.message("notice", f"stopping on {signal.Signals(number).name}", kind=Kind.STOPPING)
        self._log.flush()  # before the front's own words
        if not again:
            self._notifier.stopping()
            self.begin(self.status)
        end = settings.stop_sessions == "end" and number != signal.SIGQUIT
        grace = 0.0 if again or number == signal.SIGINT or not end else settings.stop_grace
        # Listeners are open until the grace is over: the front accepts so long, and a restart loses less.
        self.due = time.monotonic() + grace
        self._orders.stop(end=end, grace=grace)
        self._front.end_within(grace + LAST_GRACE + KILL_GRACE)

    def leave_room(self) -> bool:
        """Begin to leave everything to the service manager; return whether that can be."""
        if self.stopping or self._former.pid or not self._leaving.possible():
            return False
        try:
            self._processes.leave()
        except OSError:
            return False
        self._notifier.stopping()
        self.begin(self.status)
        text = "stopping on SIGTERM; the service manager keeps listeners and sessions for the next start"
        self._log.message("notice", text, kind=Kind.STOPPING)
        return True

    def leave(self, kept: bytes, waiting: int) -> None:
        """Give everything to the service manager; if it does not take that, sessions end as without one.

        ``waiting`` is the descriptor of who waits in a queue, -1 for none; it is taken over.
        """
        settings = self._state.registry.settings
        try:
            self._leaving.give(kept, waiting, settings.stop_grace if settings.stop_sessions == "end" else None)
        except OSError as problem:
            self._log.message("error", f"the service manager keeps nothing ({problem.strerror or problem}): sessions end")
            self._processes.start_front(kept, waiting)
            self.stop(signal.SIGTERM)
        else:
            self.left = True
            if waiting >= 0:
                os.close(waiting)
