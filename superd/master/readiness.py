"""What the service manager and the operator learn about how much of the configuration is served.

Runs in: master. Never: decides what is served.
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
"""Addresses without a listener, and services without a certificate, that a line names."""


class Readiness:
    """``unusable`` returns the services without a usable certificate; ``on_first`` is called at the first report of all."""

    def __init__(
        self,
        state: InService,
        sockets: BoundSockets,
        notifier: Notifier,
        unusable: Callable[[], list[str]],
        on_first: Callable[[], None],
    ) -> None:
        self._state = state
        self._sockets = sockets
        self._notifier = notifier
        self._unusable = unusable
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
        self._notifier.ready(self._text())
        if not self.reported:
            self.reported = True
            self._on_first()

    def again(self) -> None:
        """Tell the manager what is different since the last report."""
        if self.reported and not self._stopping:
            self._notifier.status(self._text())

    def _text(self) -> str:
        services, listeners = self._state.registry.described(self._sockets.missing()), len(self._sockets)
        return f"{services}, {counted(listeners, 'listener')}{self.missing()}"

    def missing(self) -> str:
        """Return the addresses that could not be opened, and who has no certificate, as the end of a sentence; "" for none."""
        missing = [f"{address.describe()} ({why})" for address, why in self._sockets.missing().items()]
        return _part("not listening on", missing) + _part("no certificate that can be used for", self._unusable())


def _part(what: str, names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"; {what} {', '.join(names[:MOST_NAMED])}{more}" if names else ""
