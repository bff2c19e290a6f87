"""The event log: makes events of what happens, and sends each to its formats and targets. Never blocks.

Runs in the master and in the front, each with its own. Decides nothing. ``flush`` is called once a batch; ``run`` writes what
targets did not take at once, and the counts of what repeats.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from superd.counted import counted
from superd.log.event import Event, Kind
from superd.log.repeats import Repeats, Told
from superd.log.ring import Ring
from superd.log.routing import MAIN, LogPlaces, Router
from superd.safe_text import safe
from superd.syslog_priority import Level, level_of, priority
from superd.verdict import Reason

if TYPE_CHECKING:
    import trio

    from superd.log.fields import Fields
    from superd.log_target import FileTarget
    from superd.problem import Severity
    from superd.record import SessionRecord
    from superd.settings import Settings
    from superd.syslog_priority import LevelWord
    from superd.verdict import Verdict

__all__ = ["MAIN", "Log", "LogPlaces"]

RETRY = 0.25
"""Seconds between tries to write what a target did not take; a syslog daemon that reads again is heard of at once."""
MAX_TEXT = 1500
"""Characters of a message."""
REFUSALS = 10
"""Refusals of one source for one reason that are written in a window of repeats; the others are counted."""
REFUSALS_OF_ALL = 200
"""Refusals of all sources together, for one reason of one service."""
_now = time.time  # noqa: TID251 - for people to read; no limit depends on it
_START, _EXIT, _INFO = Kind.START, Kind.EXIT, Level.INFO
"""A member asked for by its class costs 0.1 µs."""
HERE = LogPlaces()
"""This process's own descriptors, and the host's sockets."""


class Log:
    """The log of one process."""

    def __init__(self, settings: Settings, places: LogPlaces = HERE) -> None:
        self._policy_facility = settings.policy.facility
        self._repeats: Repeats[Event] = Repeats()
        self.recent = Ring()
        self._lost = 0
        self._dirty = False
        self._stuck = False
        self._wake: trio.Event | None = None
        self._router = Router(settings.log, places, self._trouble)

    def configure(self, settings: Settings) -> None:
        """Log as these settings say from now on."""
        self._policy_facility = settings.policy.facility
        self._router.configure(settings.log)

    @property
    def json(self) -> bool:
        """Whether superd's own log is JSON: then nothing else may be printed next to it."""
        return self._router.json

    # ------------------------------------------------------------------ sessions

    def started(self, record: SessionRecord) -> None:
        """A session began: its program runs, or the front serves it."""
        service = record.service
        if service.log_on_success and not record.quiet:
            self._put(Event(_START, _INFO, _now(), service, record))

    def identified(self, record: SessionRecord) -> None:
        """The client's ident server answered after the session's START or FAIL was logged."""
        if not record.quiet:
            self._put(Event(Kind.USER, Level.INFO, _now(), record.service, record))

    def exited(self, record: SessionRecord) -> None:
        """A session ended."""
        service = record.service
        if service.log_on_success and not record.quiet:
            self._put(Event(_EXIT, _INFO, _now(), service, record))

    def refused(self, record: SessionRecord, verdict: Verdict) -> None:
        """A connection was refused, or its program could not be started."""
        if record.quiet:
            return
        service = record.service
        if verdict.reason in (Reason.RULE_DENY, Reason.RULE_BROKEN):
            self._policy_line(record, "refused connect from", "warning")
        as_xinetd = service.log_style == "xinetd"
        # xinetd logs a client that its ident server did not name in every case.
        if service.log_on_failure or (verdict.reason is Reason.IDENT and as_xinetd):
            event = Event(Kind.FAIL, Level.WARNING, _now(), service, record, verdict)
            # fail2ban and its like count xinetd's lines, so each of them is written.
            if as_xinetd or self._admit_refusal(event, record, verdict):
                self._put(event)

    def _admit_refusal(self, event: Event, record: SessionRecord, verdict: Verdict) -> bool:
        now = self._report_repeats()
        source = record.peer.address if record.peer is not None else ""
        key = (event.service, verdict.reason)
        if not self._admit((*key, source), event, now, burst=REFUSALS):
            return False
        return self._admit((*key, None), _of_all(event, verdict), now, burst=REFUSALS_OF_ALL)

    def _admit(self, key: object, event: Event, now: float, *, burst: int = 1) -> bool:
        was_folding = self._repeats.folding
        admitted = self._repeats.admit(key, event, now, burst=burst)
        if not admitted and not was_folding and self._wake is not None:
            self._wake.set()  # ``run`` sleeps without a time to wake
        return admitted

    def datagram(self, record: SessionRecord, verdict: Verdict | None = None) -> None:
        """Log one datagram in xinetd's style: START, or with ``verdict`` FAIL; of one sender once in a window of repeats."""
        peer = record.peer
        key = (record.service.name, verdict.reason if verdict else "", peer.address if peer else "", "datagram")
        event = Event(Kind.FAIL if verdict else Kind.START, Level.INFO, _now(), record.service, record, verdict)
        if not self._admit(key, event, self._report_repeats()):
            return  # a forged sender must not cause a line for each datagram
        if verdict is None:
            self.started(record)
        else:
            self.refused(record, verdict)

    def admitted_by_rule(self, record: SessionRecord) -> None:
        """A rule with a severity of its own admitted the connection."""
        if record.severity and not record.quiet:
            self._policy_line(record, "connect from", "info")

    def _policy_line(self, record: SessionRecord, text: str, level: str) -> None:
        """TCP Wrappers' own line, with the severity of the rule; only to syslog, where tcpd's readers look."""
        if not self._router.has_syslog and not record.severity:
            return
        peer = record.peer
        assert peer is not None
        client = peer.name if peer.name not in ("", "unknown", "paranoid") else peer.address
        if peer.user and peer.user != "unknown":
            client = f"{peer.user}@{client}"
        number = priority(record.severity, self._policy_facility, level)
        daemon = safe(record.service.daemon, 64)
        self._router.policy_record(number, daemon, f"{text} {safe(client)} ({safe(peer.address)})", _now())
        self._dirty = True

    # ------------------------------------------------------------------ messages

    def message(
        self,
        level: LevelWord | Severity,
        text: str,
        service: str = "",
        *,
        kind: Kind = Kind.MESSAGE,
        record: SessionRecord | None = None,
        session: str = "",
        fields: Fields | None = None,
        always: bool = False,
    ) -> None:
        """Log anything else. Equal messages within a window are counted, except with ``always``: for an answer to an operator.

        ``record`` is the session that the message is about, ``session`` its id where that is all there is, ``fields`` are more
        facts for machines.
        """
        name = record.service.name if record is not None else service
        shown = safe(text, MAX_TEXT)
        event = Event(kind, level_of(level), _now(), service=name, text=shown, record=record, session=session, fields=fields)
        now = self._report_repeats()
        if always or self._admit((event.service, text[:200]), event, now):
            self._put(event)

    def _trouble(self, level: LevelWord, text: str) -> None:
        self.message(level, text, kind=Kind.LOG_TROUBLE)

    # ------------------------------------------------------------------ repeats

    def _report_repeats(self) -> float:
        now = time.monotonic()
        for told in self._repeats.take_due(now):
            self._report(told)
        return now

    def _report(self, told: Told[Event]) -> None:
        sample = told.sample
        if sample.kind in (Kind.FAIL, Kind.START, Kind.REPEATS):
            fields = {key: value for key, value in sample.fields.items() if key in _KEPT}
            if sample.kind is not Kind.REPEATS:
                fields = {"of": sample.kind.word, **fields}
            fields |= {"count": told.folded, "seconds": round(told.seconds, 3)}
            self._put(Event(Kind.REPEATS, sample.level, sample.when, sample.owner, fields=fields))
        else:
            text = f"{sample.text} ({told.folded} more like this in {told.seconds:.0f} s)"
            fields = {**sample.fields, "count": told.folded, "seconds": round(told.seconds, 3)}
            event = Event(sample.kind, sample.level, sample.when, service=sample.service, text=text, fields=fields)
            self._put(event)

    @property
    def due(self) -> float | None:
        """When ``flush`` has something to write even if nothing happens, in monotonic seconds."""
        due = self._repeats.due
        if not self._stuck:
            return due
        again = time.monotonic() + RETRY
        return again if due is None else min(due, again)

    # ------------------------------------------------------------------ events

    def _put(self, event: Event) -> None:
        self.recent.add(event)
        for formatter, sink in self._router.of(event.owner):
            for record in formatter.records(event):
                sink.put(record)
        self._dirty = True

    # ------------------------------------------------------------------ targets

    def forget(self) -> None:
        """Drop what waits: a forked process has a copy of it, and its parent writes it."""
        self._repeats = Repeats()
        self.recent = Ring()
        for sink in self._router.sinks():
            sink.queue.clear()
        self._dirty = self._stuck = False

    def attach_file(self, target: FileTarget, fd: int) -> None:
        """Write to ``fd``, which the master opened, for this target (``MAIN``: superd's own log); takes ``fd`` over."""
        self._router.attach(target, fd)

    def keep_files(self, targets: set[FileTarget]) -> None:
        """Close the files of all other targets."""
        self._router.keep(targets)

    def backlog(self) -> tuple[int, int]:
        """Return how many records wait for targets that do not take them, and how many were lost since the start."""
        sinks = tuple(self._router.sinks()) if self._stuck else ()
        return sum(len(sink.queue) for sink in sinks), self._lost

    def flush(self) -> None:
        """Write what targets take now."""
        self._report_repeats()
        if not self._dirty:
            return
        left = False
        for sink in tuple(self._router.sinks()):
            if not sink.flush():
                left = True
            elif sink.queue.dropped:
                lost, sink.queue.dropped = sink.queue.dropped, 0
                self._lost += lost
                text = f"{counted(lost, 'log record')} lost: the log did not take them"
                self.message("error", text, kind=Kind.LOG_LOST, fields={"count": lost})
                left = True  # the message itself
        self._dirty = self._stuck = left
        if left and self._wake is not None:
            self._wake.set()

    def flush_soon(self) -> None:
        """Write in the next pass of the loop: one write for many sessions that end in this one."""
        if self._dirty and not self._stuck and self._wake is not None:
            self._wake.set()

    async def run(self) -> None:
        """Write what ``flush_soon`` left and what targets did not take, and the counts of repeats when they are due."""
        import trio  # runs in the front alone: the master logs before it has loaded it

        while True:
            self._wake = trio.Event()
            due = self._repeats.due
            if not self._dirty:
                with trio.move_on_after(float("inf") if due is None else max(0.0, due - time.monotonic())):
                    await self._wake.wait()
            if self._stuck:
                with trio.move_on_after(RETRY), self._router.full_syslog() as full:
                    if full >= 0:
                        await trio.lowlevel.wait_writable(full)
                    else:
                        await trio.sleep_forever()
            self.flush()

    def close(self) -> None:
        """Write everything that can be written, the counts of repeats included, and let go of the targets."""
        for told in self._repeats.take_all(time.monotonic()):
            self._report(told)
        for sink in tuple(self._router.sinks()):
            sink.close()


_KEPT = frozenset({"of", "peer", "port", "uid", "name", "reason", "limit"})
"""Fields of a refusal that all of its repeats share."""


def _of_all(event: Event, verdict: Verdict) -> Event:
    fields: Fields = {"of": event.kind.word, "reason": verdict.reason.value}
    return Event(Kind.REPEATS, event.level, event.when, event.owner, fields=fields)
