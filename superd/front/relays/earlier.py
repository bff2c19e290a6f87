"""Sessions of an earlier front that relays go on carrying: taken into the book when a relay lists them, logged if it is too late.

Runs in: the front. Believes a relay only what its own sessions can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.errors import ControlError
from superd.front.relays.ends import ENDINGS, PROGRAMS
from superd.front.relays.labels import read_label
from superd.ipc import relay_messages as messages
from superd.record import SessionRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.front.gate.compiled_service import CompiledService
    from superd.front.relays.carrier import Carrier
    from superd.front.relays.ends import CarrierLog
    from superd.front.sessions.book import SessionBook

MAX_ADOPTED = 1 << 16
"""Sessions that a new front believes one relay to have: more than it can have descriptors on most hosts."""


class EarlierSessions:
    """``services`` are those in force."""

    def __init__(
        self, book: SessionBook, services: Mapping[str, CompiledService], log: CarrierLog, clock: Callable[[], float]
    ) -> None:
        self._book = book
        self._services = services
        self._log = log
        self._clock = clock

    def adopt(self, carrier: Carrier, report: messages.Living) -> None:
        """Take a session that the relay lists. Raises ``ControlError`` for one that it may not have."""
        if not carrier.listing or len(carrier.sessions) >= MAX_ADOPTED:
            raise ControlError("sessions that were not asked for")
        if report.number in carrier.sessions:
            return  # named once more: a front before this one had asked, too
        found = read_label(report.label)
        service = self._services.get(found[0]) if found is not None else None
        if found is None or service is None:
            carrier.link.send(messages.End(report.number))  # its service is gone, and its end is in no log
            carrier.enter(report.number, None, messages.PIPE)
            return
        _, peer, mode = found
        if mode in PROGRAMS or mode == messages.TLS:
            carrier.enter(report.number, None, mode)
            return
        started = self._clock() - report.seconds
        session = self._book.adopt(service, report.number, 0, peer, started, None, carrier.link)
        if session is None:
            raise ControlError("a session of another")
        carrier.enter(report.number, session, mode)

    def log_forgotten(self, report: messages.Over) -> None:
        """The end of a session that began in an earlier front and ended before this one asked."""
        found = read_label(report.label)
        service = self._services.get(found[0]) if found is not None else None
        if found is None or service is None or found[2] in (*PROGRAMS, messages.TLS):
            return
        record = SessionRecord(report.number, service.service, found[1], self._clock() - report.seconds)
        record.seconds, record.traffic = report.seconds, (report.received, report.sent)
        record.ended_by = ENDINGS.get(report.reason)
        self._log.exited(record)
