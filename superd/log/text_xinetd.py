"""Events as xinetd writes them, to the letter (log.c, msg.c). Pure; hostile text is made safe here.

Runs in the master and in the front. Used by routing.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.log.event import Event, Kind
from superd.safe_text import safe
from superd.syslog_priority import Level
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.log.clock import Clock
    from superd.log.text_native import NativeText
    from superd.record import SessionRecord
    from superd.verdict import Verdict

MAX_LINE = 8192
"""Bytes of one line; longer ones are cut."""
LEVELS = {
    Level.EMERG: "EMERGENCY", Level.ALERT: "ALERT", Level.CRIT: "CRITICAL", Level.ERROR: "ERROR", Level.WARNING: "WARNING",
    Level.NOTICE: "NOTICE", Level.INFO: "INFO", Level.DEBUG: "DEBUG",
}  # fmt: skip
"""The words that xinetd's own messages have for the levels (msg.c)."""
_NOT_FORKED = frozenset({"daytime", "time"})


class XinetdServiceText:
    """Lines about sessions as xinetd writes them into a service's log: a time, an event."""

    def __init__(self, clock: Clock, native: NativeText) -> None:
        self._clock = clock
        self._native = native

    def records(self, event: Event) -> list[bytes]:
        """Return the event's lines, each with its time."""
        self._clock.set(event.when)
        return [_line(f"{self._clock.xinetd}: {body}") for body in self.bodies(event)]

    def bodies(self, event: Event) -> list[str]:
        """Return the event's lines without their time; xinetd has two for some events and none for others."""
        record, verdict = event.record, event.verdict
        if event.kind is Kind.REPEATS:
            return []  # xinetd has no word for it, and the readers of its logs none either
        if record is None or event.kind not in (Kind.START, Kind.EXIT, Kind.FAIL, Kind.USER):
            return self._native.bodies(event)
        lines: list[str] = []
        if event.kind is Kind.START:
            lines.append(xinetd_start(record))
            if record.userid and "USERID" in record.service.log_on_success:
                lines.append(xinetd_userid(record))
        elif event.kind is Kind.USER:
            if record.userid:
                lines.append(xinetd_userid(record))
        elif event.kind is Kind.EXIT:
            if record.traffic is not None and "TRAFFIC" in record.service.log_on_success:
                lines.append(xinetd_traffic(record))
            if line := xinetd_exit(record):
                lines.append(line)
        elif verdict is not None:
            lines.append(xinetd_fail(record, verdict))
            if record.userid and "USERID" in record.service.log_on_failure:
                lines.append(xinetd_userid(record))
        return lines


class XinetdText:
    """superd's own log as ``superd xinetd`` writes it: a time, xinetd's name, a level."""

    def __init__(self, clock: Clock, native: NativeText) -> None:
        self._clock = clock
        self._native = native

    def records(self, event: Event) -> list[bytes]:
        """Return the event as one line."""
        self._clock.set(event.when)
        head = f"{self._clock.xinetd} xinetd[{os.getpid()}]: {LEVELS[event.level]}: "
        return [_line(head + body) for body in self._native.bodies(event)]


def _line(text: str) -> bytes:
    return text.encode("utf-8", "replace")[: MAX_LINE - 1] + b"\n"


def xinetd_address(record: SessionRecord) -> str:
    """The peer as xinetd prints it; an unknown one is ``<no address>``."""
    return safe(record.peer.address) if record.peer is not None else "<no address>"


def xinetd_start(record: SessionRecord) -> str:
    """``START: ID pid=N from=ADDR``."""
    flags = record.service.log_on_success
    line = f"START: {record.service.name}"
    if "PID" in flags:
        line += f" pid={_xinetd_pid(record)}"
    if "HOST" in flags:
        line += f" from={xinetd_address(record)}"
    return line


def _xinetd_pid(record: SessionRecord) -> int:
    """Of who serves: the program, the front itself, or 0 for what xinetd serves without a fork."""
    forked = record.service.internal not in _NOT_FORKED and record.service.socket_type is not SocketType.DGRAM
    return record.pid or (os.getpid() if forked else 0)


def xinetd_exit(record: SessionRecord) -> str:
    """``EXIT: ID status=N pid=N duration=N(sec)``; empty where neither EXIT nor DURATION is asked for.

    Nor has an internal service an end that xinetd serves without a fork.
    """
    flags = record.service.log_on_success
    if not flags & {"EXIT", "DURATION"} or record.service.internal in _NOT_FORKED:
        return ""
    line = f"EXIT: {record.service.name}"
    status = record.status or 0
    if "EXIT" in flags:
        if os.WIFSIGNALED(status):
            line += f" signal={os.WTERMSIG(status)}"
        else:
            line += f" status={os.waitstatus_to_exitcode(status)}"
    if "PID" in flags:
        line += f" pid={_xinetd_pid(record)}"
    if "DURATION" in flags:
        line += f" duration={int(record.seconds)}(sec)"
    return line


def xinetd_fail(record: SessionRecord, verdict: Verdict) -> str:
    """``FAIL: ID REASON from=ADDR``; where ident gave no user, ``NOID: ID ADDR REASON``."""
    if verdict.reason is Reason.IDENT:
        return f"NOID: {record.service.name} {xinetd_address(record)} {safe(verdict.detail)}"
    line = f"FAIL: {record.service.name} {verdict.reason.xinetd_word}"
    if "HOST" in record.service.log_on_failure:
        line += f" from={xinetd_address(record)}"
    return line


def xinetd_userid(record: SessionRecord) -> str:
    """``USERID: ID SYSTEM : USER``, the end of what the ident server answered."""
    return f"USERID: {record.service.name} {safe(record.userid)}"


def xinetd_traffic(record: SessionRecord) -> str:
    """``TRAFFIC: ID in=N(bytes) out=N(bytes)``."""
    received, sent = record.traffic or (0, 0)
    return f"TRAFFIC: {record.service.name} in={received}(bytes) out={sent}(bytes)"
