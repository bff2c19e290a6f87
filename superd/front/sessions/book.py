"""The live sessions: entered, counted, logged, ended. Everything that begins or ends a session does it here.

Runs in: the front. Starts no program and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import trio

from superd.front.sessions.causes import cause_of_end, cause_of_refusal
from superd.front.sessions.live import HANDED_OVER, OVER, RUNNING, SERVING, End, Exited, LiveSession, Refused, Running
from superd.front.sessions.tally import Tallies
from superd.log.event import Kind
from superd.policy.penalties import deny_seconds
from superd.record import Ending, SessionRecord, next_number
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.deadlines import Deadlines
    from superd.occupancy import Occupancy
    from superd.peer import Peer
    from superd.policy.penalties import Cause, Penalties
    from superd.rule import Rule
    from superd.syslog_priority import LevelWord
    from superd.through import Through

CROWD = 256
"""Sessions at once from which on their memory is worth giving back when they have gone."""


class SessionLog(Protocol):
    """What the book writes. ``superd.log.log.Log`` is one."""

    def started(self, record: SessionRecord) -> None: ...
    def exited(self, record: SessionRecord) -> None: ...
    def refused(self, record: SessionRecord, verdict: Verdict) -> None: ...
    def message(
        self, level: LevelWord, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE, record: SessionRecord | None = None
    ) -> None: ...


class SessionBook:
    """All live sessions by connection number."""

    def __init__(
        self,
        log: SessionLog,
        counts: Occupancy,
        deadlines: Deadlines,
        sensors: Penalties,
        clock: Callable[[], float],
        on_crowd_gone: Callable[[], None] = lambda: None,
        first: int = 0,
    ) -> None:
        """``on_crowd_gone`` is called when only a small part of a crowd of sessions is left; numbers count from ``first``."""
        self._log = log
        self._counts = counts
        self._deadlines = deadlines
        self._sensors = sensors
        self._clock = clock
        self._on_crowd_gone = on_crowd_gone
        self._live: dict[int, LiveSession] = {}
        self.tallies = Tallies()
        self._next = first
        self._most = 0
        self._empty: trio.Event | None = None
        self._on_over: Callable[[str], None] = lambda service: None

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(tuple(self._live.values()))

    def state(self) -> tuple[int, int]:
        """Return what is different once a session has begun or ended, or a client was refused."""
        return self._next, len(self._live)

    def tell_ends(self, on_over: Callable[[str], None]) -> None:
        """Call ``on_over`` with the service's id whenever one of its sessions has ended and is not counted any more."""
        self._on_over = on_over

    def get(self, conn: int) -> LiveSession | None:
        """Return the live session with this number."""
        return self._live.get(conn)

    # ------------------------------------------------------------------ beginnings

    def enter(
        self, service: CompiledService, peer: Peer | None, now: float, rule: Rule | None = None, through: Through | None = None
    ) -> LiveSession:
        """Begin a session: count it, number it, start its limit on time. ``rule`` admitted it, if one did."""
        record = SessionRecord(self.number(), service.service, peer, now)
        record.through = through
        if service.access.quiet is not None:
            record.quiet = service.access.is_quiet(peer)
        if rule is not None:
            record.rule = rule.origin
        self._tell_rates(service)
        return self._add(_session(record, service, peer))

    def adopt(
        self,
        service: CompiledService,
        conn: int,
        pid: int,
        peer: Peer | None,
        started: float,
        launcher: int | None,
        running: Running,
    ) -> LiveSession | None:
        """Take over a session that an earlier front began, with its number; None where the number is in use."""
        if conn in self._live:
            return None
        record = SessionRecord(conn, service.service, peer, started)
        if service.access.quiet is not None:
            record.quiet = service.access.is_quiet(peer)
        record.pid = pid
        session = _session(record, service, peer)
        if launcher is None:
            session.stage = SERVING
        else:
            session.stage = RUNNING if pid else HANDED_OVER
        session.launcher, session.running = launcher, running
        return self._add(session)

    def number(self) -> int:
        """Return a number for a new connection: its id in the log, unique over fronts and restarts."""
        number = next_number(self._next)
        while number in self._live:
            number = next_number(number)
        self._next = number
        return number

    def _add(self, session: LiveSession) -> LiveSession:
        self._live[session.record.conn] = session
        if len(self._live) > self._most:
            self._most = len(self._live)
        self._counts.enter(session.service.name, session.source, session.networks)
        limits = session.record.service.limits
        if limits.session is not None or limits.start is not None:
            self._deadlines.begin(session)
        return session

    def count_start(self, session: LiveSession) -> None:
        """Count a start for the service's limit on starts within a minute."""
        starts = session.service.access.starts
        if starts is not None:
            starts.count(self._clock())

    def started(self, session: LiveSession, pid: int = 0) -> None:
        """Log that a session's program runs as ``pid``, or without one that the front serves it."""
        session.record.pid = pid
        session.stage = RUNNING if pid else SERVING
        now = self._clock()
        record = session.record
        self.tallies.of(record.service.name).count_start(now, now - record.started)
        self._log.started(record)

    # ------------------------------------------------------------------ ends

    def over(self, session: LiveSession, end: End) -> None:
        """End a session: stop counting it, log it, ban the peer of a sensor, call ``on_end``. Does nothing the second time."""
        if session.stage is OVER:
            return
        if session.carried is not None and isinstance(end, Exited):
            session.carried.end = end  # its last bytes are on their way to the client
            return
        session.stage = OVER
        record = session.record
        self._live.pop(record.conn, None)
        self._counts.leave(session.service.name, session.source, session.networks)
        self._deadlines.forget(session)
        if isinstance(end, Refused):
            self._refused(session.service, record, end.verdict)
        else:
            if isinstance(end, Exited):
                record.status, record.seconds, record.usage, out_of_memory = end
                if out_of_memory and record.ended_by is None:
                    record.ended_by = Ending.MEMORY_LIMIT
            else:
                record.seconds = self._clock() - record.started
            self._log.exited(record)
            if session.service.access.penalties is not None:
                self._penalise(session.service, record, cause_of_end(record))
            self.tallies.of(session.service.name).count_end(record.seconds, record.status)
        if session.on_end:
            callbacks, session.on_end = session.on_end, ()
            for callback in callbacks:
                callback(session)
        self._on_over(session.service.name)
        self._shrunk()

    def turned_away(self, service: CompiledService, peer: Peer, verdict: Verdict, through: Through | None = None) -> None:
        """Log a connection that never became a session, and ban the peer of a sensor."""
        record = SessionRecord(self.number(), service.service, peer, self._clock())
        record.through = through
        if service.access.quiet is not None:
            record.quiet = service.access.is_quiet(peer)
        self._refused(service, record, verdict)
        self._tell_rates(service)

    def datagram_refused(self, service: CompiledService, peer: Peer, verdict: Verdict, *, logged: bool) -> None:
        """Count a datagram that is not answered, and with ``logged`` log it.

        Its sender may be forged, so it bans no address and costs nothing unless `limits.penalties.datagrams` says otherwise.
        """
        now = self._clock()
        self.tallies.of(service.name).count_refusal(verdict, peer, now)
        believed = service.service.limits.penalties.datagrams
        if logged or believed:
            record = SessionRecord(self.number(), service.service, peer, now)
            if logged:
                self._log.refused(record, verdict)
            if believed:
                if service.access.penalties is not None:
                    self._penalise(service, record, cause_of_refusal(record, verdict))
                if verdict.reason is Reason.SENSOR:
                    self._sense(service, record)

    def end_silent(self, session: LiveSession) -> None:
        """End a session for its silence."""
        service = session.record.service
        self._log.message("notice", f"ended after {service.limits.idle:g} s of silence (`limits.idle`)", record=session.record)
        self._deadlines.end(session, Ending.IDLE)

    def end_mute(self, session: LiveSession) -> None:
        """End a session whose client has sent no byte."""
        seconds = session.record.service.limits.first_byte
        self._log.message("notice", f"ended after {seconds:g} s without a byte (`limits.first_byte`)", record=session.record)
        self._deadlines.end(session, Ending.FIRST_BYTE)

    def end_one(self, session: LiveSession, why: Ending, *, at_once: bool) -> None:
        """Send SIGTERM to a session, and SIGKILL after its service's ``kill_grace``; ``at_once``: SIGKILL now."""
        self._deadlines.end(session, why, at_once=at_once)

    def end_all(self) -> None:
        """Send SIGTERM to every session, and SIGKILL to each after its service's ``kill_grace``."""
        for session in self:
            self._deadlines.end(session, Ending.STOP)

    async def wait_empty(self) -> None:
        """Return when no session is left."""
        while self._live:
            self._empty = trio.Event()
            await self._empty.wait()

    def _penalise(self, service: CompiledService, record: SessionRecord, cause: Cause | None) -> None:
        if cause is None or record.peer is None:
            return
        if record.through is None and service.announces(record.peer):
            return  # the proxy itself: a penalty would be one for all of its clients
        # A reload may have replaced the service's rules while the session lived: its penalties are shared with the new ones.
        now = self._clock()
        service.access.penalise(record.peer, cause, now)
        for line in service.access.penalty_news(now):
            self._log.message("notice", line, service.name)

    def _refused(self, service: CompiledService, record: SessionRecord, verdict: Verdict) -> None:
        self.tallies.of(record.service.name).count_refusal(verdict, record.peer, self._clock())
        self._log.refused(record, verdict)
        if service.access.penalties is not None:
            self._penalise(service, record, cause_of_refusal(record, verdict))
        if verdict.reason is Reason.SENSOR:
            self._sense(service, record)

    def _sense(self, service: CompiledService, record: SessionRecord) -> None:
        """Ban who touched a sensor, for as long as that says."""
        peer, deny_time = record.peer, record.service.deny_time
        seconds = deny_seconds(deny_time)
        if seconds and peer is not None and peer.version and not service.access.is_unpenalised(peer):
            self._sensors.ban((peer.version, peer.number), f"sensor {service.name}", seconds, self._clock())
            text = f"Adding {peer.address} to the global_no_access list for {deny_time} minutes"
            self._log.message("crit", text, kind=Kind.BAN, record=record)

    def _tell_rates(self, service: CompiledService) -> None:
        for table in service.access.tables:
            if table.news:
                for line in service.access.rate_news():
                    self._log.message("notice", line, service.name)
        if service.access.penalties:
            for line in service.access.penalty_news(self._clock()):
                self._log.message("notice", line, service.name)

    def _shrunk(self) -> None:
        left = len(self._live)
        if not left and self._empty is not None:
            self._empty.set()
        if self._most >= CROWD and 8 * left <= self._most:
            self._most = left
            self._on_crowd_gone()


def _session(record: SessionRecord, service: CompiledService, peer: Peer | None) -> LiveSession:
    if peer is None:
        return LiveSession(record, service, None)
    access = service.access
    return LiveSession(record, service, access.counted_source(peer), access.counted_networks(peer) if access.has_networks else ())
