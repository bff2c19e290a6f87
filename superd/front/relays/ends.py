"""What a relay's report of an end means for the session's record and for the log.

Runs in: the front. Ends nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from superd.ipc import relay_messages as messages
from superd.record import Ending, SessionRecord

if TYPE_CHECKING:
    from superd.syslog_priority import LevelWord

PROGRAMS = (messages.PIPE, messages.PTY)
"""Modes of sessions whose program has a status of its own."""
ENDINGS = {
    messages.CLIENT: Ending.CLIENT,
    messages.OTHER: Ending.TARGET,
    messages.BROKEN: Ending.RESET,
    messages.IDLE: Ending.IDLE,
    messages.SESSION: Ending.SESSION_LIMIT,
    messages.NO_ROOM: Ending.FAULT,
    messages.FAULT: Ending.FAULT,
}


class CarrierLog(Protocol):
    """What is written about relays."""

    def message(self, level: LevelWord, text: str, service: str = "", *, record: SessionRecord | None = None) -> None: ...
    def exited(self, record: SessionRecord) -> None: ...
    def flush(self) -> None: ...


def explain(log: CarrierLog, record: SessionRecord, report: messages.Over) -> None:
    """Note in the record how a session ended, and log what an operator has to know of it."""
    # A program's own end is known from its wait status.
    if record.ended_by is None and (not record.pid or report.reason in (messages.IDLE, messages.SESSION)):
        record.ended_by = ENDINGS.get(report.reason)
    match report.reason:
        case messages.IDLE:
            idle = record.service.limits.idle or 0.0
            log.message("notice", f"ended after {idle:g} s of silence (`limits.idle`)", record=record)
        case messages.NO_ROOM:
            log.message("error", "the session ends: its relay has no descriptor left", record=record)
        case messages.FAULT:
            log.message("error", f"the session ends: its relay cannot carry it: {os.strerror(report.errno)}", record=record)
