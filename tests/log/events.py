"""Events and records for the tests of the log."""

from __future__ import annotations

from superd.log.event import Event, Kind
from superd.peer import peer_from_text
from superd.problem import Origin
from superd.record import Ending, SessionRecord
from superd.rule import Rule
from superd.service import Service
from superd.syslog_priority import Level
from superd.through import Through
from superd.verdict import Reason, Verdict

WHEN = 1_796_087_527.120931
"""2026-12-01 01:12:07.120931 UTC."""
ALL = ["HOST", "PID", "EXIT", "DURATION", "USERID", "TRAFFIC"]


def service(**keys: object) -> Service:
    return Service.model_validate({"name": "tftp", "server": "/bin/cat", "log_on_success": ALL, **keys})


def record(
    owner: Service | None = None, *, address: str = "198.51.100.7", port: int = 2071, through: Through | None = None
) -> SessionRecord:
    """A session with everything known."""
    made = SessionRecord(
        (9 * 36 * 36 + 15 * 36 + 3) << 31 | 82, owner or service(), peer_from_text(address, port, name="a.example"), 10.0
    )
    made.local = peer_from_text("192.0.2.1", 69)
    made.rule = Origin("/etc/hosts.allow", 9)
    made.through = through
    made.decided, made.seconds, made.pid = 10.25, 2.5, 8121
    made.status, made.usage, made.traffic = 0, (0.5, 0.25, 2048), (10, 20)
    return made


def started() -> Event:
    made = record()
    return Event(Kind.START, Level.INFO, WHEN, made.service, made)


def ended(status: int | None = 0, ended_by: Ending | None = None) -> Event:
    made = record()
    made.status, made.ended_by = status, ended_by
    return Event(Kind.EXIT, Level.INFO, WHEN, made.service, made)


def refused(rule: Rule | None = None) -> Event:
    made = record()
    verdict = Verdict(False, Reason.INSTANCES, rule, "40 instances run", limit=40, now=40)
    return Event(Kind.FAIL, Level.WARNING, WHEN, made.service, made, verdict)


def message(text: str = "it works", *, level: Level = Level.NOTICE, with_record: bool = False) -> Event:
    made = record() if with_record else None
    return Event(Kind.MESSAGE, level, WHEN, service=made.service.name if made else "", text=text, record=made)


def one_of_each() -> list[Event]:
    """An event of every kind."""
    plain = [kind for kind in Kind if kind not in (Kind.START, Kind.EXIT, Kind.FAIL)]
    return [started(), ended(), refused(), *(Event(kind, Level.INFO, WHEN, text=kind.word) for kind in plain)]
