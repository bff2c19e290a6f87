"""What the service manager and the operator learn about how much of the configuration is served.

Runs in: master.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.counted import counted

if TYPE_CHECKING:
    from superd.master.in_service import InService
    from superd.master.listeners import BoundSockets
    from superd.master.notify import Notifier

MOST_NAMED = 5
"""Addresses without a listener that a line names."""


class Readiness:
    """``on_first`` is called at the first report of all."""

    def __init__(self, state: InService, sockets: BoundSockets, notifier: Notifier, on_first: Callable[[], None]) -> None:
        self._state = state
        self._sockets = sockets
        self._notifier = notifier
        self._on_first = on_first
        self._stopping = False
        self.reported = False
        """Whether a front has served once."""

    def stop(self) -> None:
        """Report nothing from here on."""
        self._stopping = True

    def report(self) -> None:
        """Tell the manager that what can be served is served."""
        if self._stopping:
            return
        services, listeners = self._state.registry.described(self._sockets.missing()), len(self._sockets)
        self._notifier.ready(f"{services}, {counted(listeners, 'listener')}{self.missing()}")
        if not self.reported:
            self.reported = True
            self._on_first()

    def missing(self) -> str:
        """Return the addresses that could not be opened, as the end of a sentence; "" for none."""
        missing = [f"{address.describe()} ({why})" for address, why in self._sockets.missing().items()]
        if not missing:
            return ""
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        return f"; not listening on {', '.join(missing[:MOST_NAMED])}{more}"
