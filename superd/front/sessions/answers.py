"""The front's answers to the panel: a frozen page of its state for each question, and the one command, which ends a session.

Runs in: the front. Never: renders anything, keeps anything for the panel, or makes more than a page at once.
"""

from __future__ import annotations

import heapq
import ipaddress
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from superd.front.sessions.status import forgive, penalties_of_all
from superd.ipc import panel_codec
from superd.ipc import panel_messages as messages
from superd.peer import Peer, local_from_text, peer_from_text
from superd.policy.fullness import fullness
from superd.policy.penalties import time_left
from superd.record import Ending
from superd.safe_text import safe
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.live import LiveSession
    from superd.front.sessions.tally import Tally
    from superd.front.sessions.view import View
    from superd.log.log import Log
    from superd.status import PenaltyStatus

_RUNS = 120
"""Characters of a command line that an answer has."""


class Answers:
    """``lag`` is set by the panel's link."""

    def __init__(self, view: View, log: Log, clock: Callable[[], float]) -> None:
        self._view = view
        self._in_force = view.in_force
        self._book = view.book
        self._counts = view.counts
        self._conditions = view.conditions
        self._log = log
        self._clock = clock
        self._began = clock()
        self.lag = 0.0

    def answer(self, question: messages.Question) -> bytes:
        """Return the answer as one message."""
        now = self._clock()
        encode = panel_codec.encode_answer
        match question:
            case messages.AskFront(number):
                return encode(number, (self._front(now),))
            case messages.AskServices(number, after):
                services = self._after(after)
                return encode(number, (self._service(service, now) for service in services), lambda row: row.name)
            case messages.AskService(number, name):
                return encode(number, self._detail(name, now))
            case messages.AskMinutes(number, after):
                rows = (self._minutes(service.name, now) for service in self._after(after))
                return encode(number, rows, lambda row: row.service)
            case messages.AskSessions(number, name, last):
                return encode(number, self._sessions(name, last, now), lambda row: row.conn)
            case messages.AskEvents(number, last):
                return encode(number, self._events(last), lambda row: row.sequence)
            case messages.AskCounts(number, after):
                rows_of_counts = (self._count(service, now) for service in self._after(after))
                return encode(number, rows_of_counts, lambda row: row.service)
            case messages.Kick(number, conn, at_once, ban):
                return encode(number, self._kick(conn, now, at_once=at_once, ban=ban))
            case messages.AskBans(number, at):
                hits = self._conditions.wished.hits()[at : at + messages.PAGE + 1]
                bans = (messages.BanRow(*hit) for hit in hits)
                return encode(number, bans, lambda row: at + messages.PAGE)
            case messages.AskPenalties(number, at):
                found = penalties_of_all(self._in_force, self._conditions.sensors, now)[at : at + messages.PAGE + 1]
                return encode(number, map(_penalty, found), lambda row: at + messages.PAGE)
            case messages.Lift(number, prefix, service):
                return encode(number, list(self._lift(prefix, service, now))[: messages.PAGE])
            case messages.AskClient(number, name, address):
                return encode(number, self._client(name, address, now))

    def _lift(self, prefix: str, service: str, now: float) -> Iterator[messages.PenaltyRow]:
        try:
            network = ipaddress.ip_network(prefix)
        except ValueError:
            return iter(())
        return map(_penalty, forgive(self._in_force, self._conditions.sensors, network, service, now))

    # ------------------------------------------------------------------ the whole

    def _front(self, now: float) -> messages.FrontRow:
        waiting, lost = self._log.backlog()
        return messages.FrontRow(
            len(self._book), len(self._view.room), len(self._conditions.sensors), waiting, lost, self.lag, now - self._began,
            self._view.tables.rules, self._view.tables.seconds, self._view.names.lookups, self._view.names.seconds,
        )  # fmt: skip

    # ------------------------------------------------------------------ services

    def _after(self, name: str) -> list[CompiledService]:
        services = self._in_force.services
        # One more than a page, so that the answer knows whether there is more.
        return [services[key] for key in heapq.nsmallest(messages.PAGE + 1, (key for key in services if key > name))]

    def _service(self, service: CompiledService, now: float) -> messages.ServiceRow:
        plain, name = service.service, service.name
        tally = self._book.tallies.get(name)
        started = refused_hour = 0
        per_reason: dict[str, int] = {}
        for minute in tally.hour(now) if tally is not None else ():
            if minute is not None:
                started += minute.started
                for reason, count in minute.refused.items():
                    per_reason[reason.value] = per_reason.get(reason.value, 0) + count
                    refused_hour += count
        rate = tally.rate(now) if tally is not None else (0, 0)
        return messages.ServiceRow(
            name,
            tuple(address.describe() for address in plain.addresses()),
            _runs(service),
            plain.user,
            self._counts.by_service.get(name, 0),
            _limit(service.access.instances),
            _limit(service.access.per_source),
            self._view.leftovers_of(name),
            rate[0],
            started,
            rate[1],
            refused_hour,
            max(per_reason, key=lambda reason: per_reason[reason], default=""),
            tally.full_for(now) if tally is not None else 0.0,
            safe(tally.failing) if tally is not None else "",
        )

    def _detail(self, name: str, now: float) -> Iterator[messages.Row]:
        service = self._in_force.services.get(name)
        if service is None:
            return
        yield self._service(service, now)
        yield self._minutes(name, now)
        if service.waits:
            yield messages.LimitRow(name, "queue", self._view.queue.waiting(name), service.service.queue, "wait for a place")
        for one in fullness(service.access, self._counts, now):
            yield messages.LimitRow(name, *one)
        tally = self._book.tallies.get(name)
        if tally is not None:
            yield from self._reasons(name, tally, now)

    def _reasons(self, name: str, tally: Tally, now: float) -> Iterator[messages.ReasonRow]:
        hour: dict[str, int] = {}
        for minute in tally.hour(now):
            for reason, count in minute.refused.items() if minute is not None else ():
                hour[reason] = hour.get(reason, 0) + count
        for reason, last in tally.reasons.items():
            yield messages.ReasonRow(
                name, reason.value, hour.get(reason, 0), last.total, safe(last.peer), now - last.when, safe(last.detail)
            )

    def _minutes(self, name: str, now: float) -> messages.MinutesRow:
        tally = self._book.tallies.get(name)
        hour = tally.hour(now) if tally is not None else []
        served = tuple(str(minute.started) if minute is not None else "0" for minute in hour)
        refused = tuple(str(sum(minute.refused.values())) if minute is not None else "0" for minute in hour)
        return messages.MinutesRow(name, served, refused)

    def _count(self, service: CompiledService, now: float) -> messages.CountRow:
        name = service.name
        tally = self._book.tallies.of(name)
        reasons = tuple(tally.reasons)
        return messages.CountRow(
            name,
            tally.started,
            self._counts.by_service.get(name, 0),
            _limit(service.access.instances),
            tuple(reason.value for reason in reasons),
            tuple(str(tally.reasons[reason].total) for reason in reasons),
            tuple(map(str, tally.seconds)),
            tally.seconds_sum,
            tuple(map(str, tally.launch)),
            tally.launch_sum,
            tuple(map(str, tally.exits)),
            len(service.access.penalties or ()),
            (self._view.carriers.ends or {}).get(name, 0.0),
        )

    # ------------------------------------------------------------------ sessions

    def _sessions(self, service: str, after: int, now: float) -> Iterator[messages.SessionRow]:
        fitting = (
            session for session in self._book if session.record.conn > after and (not service or session.service.name == service)
        )
        page = heapq.nsmallest(messages.PAGE + 1, fitting, key=lambda session: session.record.conn)
        return (_session(session, now) for session in page)

    def _kick(self, conn: int, now: float, *, at_once: bool, ban: bool) -> Iterator[messages.SessionRow]:
        session = self._book.get(conn)
        if session is not None:
            yield _session(session, now)
            self._book.end_one(session, Ending.BAN if ban else Ending.KICK, at_once=at_once)

    def _client(self, name: str, address: str, now: float) -> Iterator[messages.ClientRow]:
        service = self._in_force.services.get(name)
        if service is None:
            return
        try:
            peer = local_from_text(address) if address.startswith("uid:") else peer_from_text(address)
        except ValueError:
            return
        access = service.access
        ban = self._conditions.wished.find(name, peer, now)
        counted = access.counted_source(peer)
        yield messages.ClientRow(
            ban.ban.prefix if ban is not None else "",
            self._sensed(service, peer, now),
            self._counts.by_service.get(name, 0),
            _limit(access.instances),
            self._counts.by_source.get((name, counted), 0) if counted is not None else 0,
            _limit(access.per_source) if counted is not None else -1,
            *self._other_limit(service, peer, now),
            service.waits,
        )

    def _sensed(self, service: CompiledService, peer: Peer, now: float) -> str:
        sensors, source = self._conditions.sensors, (peer.version, peer.number)
        left = sensors.left(source, now)
        return f"{time_left(left)}: {sensors.why(source)}" if left and not service.access.is_unpenalised(peer) else ""

    def _other_limit(self, service: CompiledService, peer: Peer, now: float) -> tuple[str, str]:
        access = service.access
        penalties, source = access.penalties, access.source_of(peer)
        if penalties and penalties.left(source, now) and not access.is_unpenalised(peer):
            return Reason.PENALTY.value, f"{time_left(penalties.left(source, now))}: {penalties.why(source)}"
        refusal = access.over_sessions(peer, self._counts)
        reason = refusal.reason if refusal is not None else access.too_quick(peer, now)
        return (reason.value, safe(refusal.detail) if refusal is not None else "") if reason is not None else ("", "")

    # ------------------------------------------------------------------ events

    def _events(self, after: int) -> Iterator[messages.EventRow]:
        return (
            messages.EventRow(
                number,
                event.when,
                event.level.word,
                event.kind.word,
                event.service,
                event.session,
                event.text,
                tuple(type(value).__name__[0] + key for key, value in event.fields.items()),
                tuple(map(str, event.fields.values())),
            )
            for number, event in self._log.recent.after(after)
        )


def _penalty(one: PenaltyStatus) -> messages.PenaltyRow:
    left = 0.0 if math.isinf(one.left) else max(0.001, one.left)
    return messages.PenaltyRow(one.service, one.source, left, one.refused, safe(one.why))


def _session(session: LiveSession, now: float) -> messages.SessionRow:
    record = session.record
    peer, local = record.peer, record.local
    return messages.SessionRow(
        record.conn,
        session.service.name,
        safe(str(peer)) if peer is not None else "",
        safe(peer.name) if peer is not None else "",
        safe(peer.user) if peer is not None else "",
        safe(str(local)) if local is not None else "",
        record.pid,
        session.stage.value,
        max(0.0, now - record.started),
        str(record.rule) if record.rule is not None else "",
    )


def _runs(service: CompiledService) -> str:
    plain = service.service
    if plain.server:
        return safe(" ".join((plain.server, *plain.server_args)), _RUNS)
    if plain.redirect:
        return safe(f"-> {plain.redirect}", _RUNS)
    return "sensor" if plain.sensor else f"internal {plain.internal}"


def _limit(value: float | None) -> int:
    return -1 if value is None or not math.isfinite(value) else int(value)
