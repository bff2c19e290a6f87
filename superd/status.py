"""The state of a front as one value: SIGUSR1, `superd status` and metrics all print this. Pure."""

from __future__ import annotations

import math

from superd.counted import counted
from superd.frozen import frozen
from superd.safe_text import safe


@frozen
class ServiceStatus:
    """One service: where it listens, how many of its sessions are live, how many processes its
    programs left, how many clients wait in its queue, its name in the tables."""

    name: str
    addresses: tuple[str, ...]
    running: int
    leftovers: int
    waiting: int
    daemon: str


@frozen
class SessionStatus:
    """One live session; ``peer`` is "" where it is not known, ``age`` is seconds."""

    conn: int
    service: str
    peer: str
    pid: int
    stage: str
    age: float


@frozen
class PenaltyStatus:
    """One source that a service refuses for its penalties: ``left`` seconds, ``why``, how many were ``refused`` meanwhile.

    ``service`` is "" for what touched a sensor: all services refuse it.
    """

    service: str
    source: str
    left: float
    why: str
    refused: int


@frozen
class FrontStatus:
    """All of a front. ``undecided`` connections wait for their verdict; ``bans`` are addresses that a sensor banned."""

    services: tuple[ServiceStatus, ...]
    sessions: tuple[SessionStatus, ...]
    undecided: int
    bans: int
    penalties: tuple[PenaltyStatus, ...] = ()
    certificates: tuple[tuple[str, int], ...] = ()
    """Services with TLS, and for how many days their first certificate to end is good."""

    def text(self) -> str:
        """Return one line for each fact."""
        services, sessions = counted(len(self.services), "service"), counted(len(self.sessions), "session")
        lines = [f"superd state: {services}, {sessions}, {self.undecided} undecided"]
        for service in self.services:
            where = " ".join(service.addresses)
            leftovers = f" leftovers={service.leftovers}" if service.leftovers else ""
            waiting = f" waiting={service.waiting}" if service.waiting else ""
            lines.append(f"service {service.name}: {where} running={service.running}{leftovers}{waiting} daemon={service.daemon}")
        for session in self.sessions:
            peer = safe(session.peer) if session.peer else "-"
            lines.append(f"session {session.conn}: {session.service} from={peer} pid={session.pid} age={session.age:.0f}s")
        lines += [f"certificate {name}: {days} days left" for name, days in self.certificates]
        lines.append(f"bans: {self.bans}")
        for penalty in self.penalties:
            left = f"{penalty.left:.0f}s" if math.isfinite(penalty.left) else "for-ever"
            what = f"{penalty.source} left={left} refused={penalty.refused} ({penalty.why})"
            lines.append(f"penalty {penalty.service or 'of all services'}: {what}")
        return "\n".join(lines) + "\n"
