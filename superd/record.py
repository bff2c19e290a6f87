"""One session, from accept to end: the facts that log lines about it consist of.

Runs in the front. Formats nothing, decides nothing.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.problem import Origin
    from superd.service import Service
    from superd.through import Facts, Through

COUNT_BITS = 31
"""Bits of a connection number that count connections; the bits above are the front's own number."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Ending(StrEnum):
    """What ended a session. The value is the word in the log."""

    EXIT = "exit"
    """The program exited, or superd's own service had no more to send."""
    SIGNAL = "signal"
    """A signal that superd did not send killed the program."""
    CLIENT = "client"
    """The client closed the connection."""
    RESET = "reset"
    """The client reset the connection, or its network failed."""
    TARGET = "target"
    """The redirect's target closed the connection."""
    IDLE = "idle"
    """No byte in either direction for `limits.idle`."""
    SESSION_LIMIT = "session_limit"
    """The session reached `limits.session`."""
    START_LIMIT = "start_limit"
    """The program did not run within `limits.start`."""
    FIRST_BYTE = "first_byte"
    """The client sent no byte within `limits.first_byte`."""
    CPU_LIMIT = "cpu_limit"
    """The program used the processor time of `limits.cpu` or `rlimit_cpu`."""
    MEMORY_LIMIT = "memory_limit"
    """The memory of `limits.memory` or `limits.service.memory` ran out, and the kernel ended the program."""
    KICK = "kick"
    """An operator ended the session."""
    BAN = "ban"
    """An operator banned the client's address."""
    STOP = "stop"
    """superd stopped."""
    TCPMUX = "tcpmux"
    """The session went on as one of the service that the client named to tcpmux."""
    FAULT = "fault"
    """superd's own code failed."""


class SessionRecord:
    """The facts of one session; those that are not known yet are ``None``, 0 or empty.

    ``started`` and ``decided`` are monotonic seconds: of the accept and of the verdict. ``local`` is superd's end of the
    connection. ``rule`` is the place of the rule that decided. ``status`` is the wait(2) status of the program, ``None``
    for what the front served itself. ``usage`` is seconds of CPU in user and kernel mode, and the peak of resident memory
    in KiB. ``traffic`` is bytes from and to the client. ``userid`` is the answer of the client's ident server, unchanged.
    Of a ``quiet`` session no line is written. ``through`` is the proxy that announced ``peer`` and ``local``, if one did.
    ``told`` is what the START line says of which peer, for the EXIT line; ``start_json`` the same as JSON, of a usual session.
    ``tls`` is what its handshake has shown, with the names of ``ipc/launch_records.py``.
    """

    __slots__ = (
        "_session",
        "conn",
        "decided",
        "ended_by",
        "local",
        "peer",
        "pid",
        "quiet",
        "rule",
        "seconds",
        "service",
        "severity",
        "start_json",
        "started",
        "status",
        "through",
        "tls",
        "told",
        "traffic",
        "usage",
        "userid",
    )  # fmt: skip

    def __init__(self, conn: int, service: Service, peer: Peer | None, started: float) -> None:
        self.conn = conn
        self.service = service
        self.peer = peer
        self.started = started
        self.decided = started
        self.local: Peer | None = None
        self.rule: Origin | None = None
        self.pid = 0
        self.status: int | None = None
        self.ended_by: Ending | None = None
        self.seconds = 0.0
        self.usage: tuple[float, float, int] | None = None
        self.traffic: tuple[int, int] | None = None
        self.quiet = False
        self.severity = ""
        self.userid = ""
        self.through: Through | None = None
        self.told: tuple[Peer | None, dict[str, str | int | float]] | None = None
        self.start_json = ""
        self._session = ""
        self.tls: Facts = ()

    @property
    def session(self) -> str:
        """The session's id in every log line: short, unique over restarts of superd and of its front."""
        if not self._session:
            self._session = session_id(self.conn)
        return self._session


def session_id(conn: int) -> str:
    """Return the connection number as text: the front's number and its count of connections, in base 36."""
    return _all_but_last(conn >> COUNT_BITS, (conn & (1 << COUNT_BITS) - 1) // 36) + _DIGITS[(conn & (1 << COUNT_BITS) - 1) % 36]


def conn_of(session: str) -> int | None:
    """Return the connection number of a session's id, None for text that is not one."""
    parts = session.split("-")
    if len(parts) != 2 or not all(part and len(part) <= 7 and set(part) <= set(_DIGITS) for part in parts):
        return None
    front, count = (int(part, 36) for part in parts)
    return front << COUNT_BITS | count if front < 36**5 and count < 1 << COUNT_BITS else None


def first_number(seconds: float) -> int:
    """Return the connection number that a front of this wall-clock time counts from.

    A tenth of a second is the unit and 70 days the period, so five digits tell the fronts in any kept log apart.
    """
    return int(seconds * 10) % 36**5 << COUNT_BITS


def next_number(conn: int) -> int:
    """Return the connection number after ``conn``, of the same front."""
    return conn & ~((1 << COUNT_BITS) - 1) | (conn + 1) & (1 << COUNT_BITS) - 1


@lru_cache(maxsize=64)
def _all_but_last(front: int, tens: int) -> str:
    """All but the last digit of a session's id: a new one for every 36 connections."""
    return f"{_base36(front)}-{_base36(tens) if tens else ''}"


def _base36(number: int) -> str:
    digits = ""
    while number >= 36:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return _DIGITS[number] + digits
