"""The sessions whose bytes relays carry: handed to the least busy relay, ended by its reports, lost when it dies.

Runs in: the front. Never admits a client and never connects. A relay reads strangers' bytes, so what it says counts for its own
sessions alone; one that says anything else, or nothing, is replaced.
"""

from __future__ import annotations

import random
import resource
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio

from superd.counted import counted
from superd.errors import ControlError
from superd.front.relays.carrier import CarriedProgram, Carrier
from superd.front.relays.earlier import EarlierSessions
from superd.front.relays.ends import PROGRAMS, CarrierLog, explain
from superd.front.relays.labels import label_of
from superd.front.relays.legs import Leg
from superd.front.relays.relay_link import RelayLink
from superd.front.sessions.live import SERVED, Carried, Refused, Stage
from superd.ipc import relay_messages as messages
from superd.record import Ending
from superd.system.closing import let_all_go
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener

PING_SECONDS = 5.0
"""Seconds between two questions whether a relay with sessions still answers; after one without an answer it is replaced."""
LITTLE = 32
"""Descriptors that a relay may have more than the others and still be the one of its clients' earlier sessions."""

_MOST_FILES = max(messages.DESCRIPTORS.values())


class Listeners(Protocol):
    """Accepts from listeners, or not; ``superd.net.listener.ListenerSet`` is one."""

    def ignore(self, listener: Listener) -> None: ...
    def watch(self, listener: Listener) -> None: ...


class Carriers:
    """All relays, seen by the front."""

    def __init__(
        self,
        book: SessionBook,
        services: Mapping[str, CompiledService],
        listeners: Listeners,
        log: CarrierLog,
        clock: Callable[[], float],
        replace: Callable[[int], None],
    ) -> None:
        """``services`` are those in force; ``replace`` asks the master for another relay in the place of this number."""
        self._book = book
        self._listeners = listeners
        self._earlier = EarlierSessions(book, services, log, clock)
        self._log = log
        self._replace = replace
        self._carriers: dict[int, Carrier] = {}
        self._in_use = 0
        self._secure: tuple[int, ...] = ()
        self._legs_waiting: list[tuple[Leg, messages.Carry, tuple[int, ...]]] = []
        """Legs that came before the first keys were known."""
        self.ends: Mapping[str, float] | None = None
        """When the certificate of each service with keys ends, in seconds since 1970; None until that is known."""
        self._waiting: list[tuple[LiveSession, int, tuple[int, ...]]] = []
        """Sessions that came before the first relay was known."""
        self._most_files = messages.files_for_sessions(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        self._held: list[Listener] = []
        """Listeners that are not accepted from until a relay has room."""
        self._told_full = False
        self._unlisted: set[int] = set()
        self._known = trio.Event()
        self._listed = trio.Event()
        self._busy = trio.Event()
        """A relay has a session."""
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Hear the relays and look after them until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for carrier in self._carriers.values():
                nursery.start_soon(self._hear, carrier)
            while True:
                if not any(carrier.sessions for carrier in self._carriers.values()):
                    self._busy = trio.Event()
                    await self._busy.wait()  # an idle front need not wake for relays without sessions
                await trio.sleep(PING_SECONDS)
                self._ping()

    def take(
        self,
        pairs: Mapping[int, int],
        running: frozenset[int],
        in_use: int,
        secure: tuple[int, ...] = (),
        ends: Mapping[str, float] | None = None,
    ) -> None:
        """Take new pairs over, number → descriptor. Relays that are ``running`` are asked what they carry.

        Relays from ``in_use`` on get no new sessions, but those of ``secure``, which get all with TLS.

        ``ends`` has the services that these have keys of; None: it is not known yet.
        """
        self._in_use, self._secure = in_use, secure
        self._known.set()
        for number, fd in pairs.items():
            carrier = Carrier(RelayLink(number, socket.socket(fileno=fd), self._on_report))
            self._carriers[number] = carrier
            if number in running:
                # A number of its own: what an earlier front asked may lie in the pair, and is answered first.
                carrier.listing = random.randrange(1, 1 << 62)  # noqa: S311 - not a secret
                self._unlisted.add(number)
                carrier.link.send(messages.List(carrier.listing))
            if self._nursery is not None:
                self._nursery.start_soon(self._hear, carrier)
        waiting, self._waiting = self._waiting, []
        for session, mode, session_fds in waiting:
            self.carry(session, mode, session_fds)
        self.ends = ends
        if ends is not None:
            legs, self._legs_waiting = self._legs_waiting, []
            for leg, request, leg_fds in legs:
                self._begin_leg(leg, request, leg_fds)
        self._on_room()

    async def adopted(self) -> None:
        """Return when every relay that ran before this front has said what it carries."""
        await self._known.wait()
        if self._unlisted:
            await self._listed.wait()

    # ------------------------------------------------------------------ to relays

    def carry(self, session: LiveSession, mode: int, fds: tuple[int, ...]) -> None:
        """Have a session carried, to its end or its program's. Takes ``fds`` over: the client's comes first."""
        if session.stage is Stage.OVER:
            let_all_go(fds)
            return
        if not self._carriers:
            self._waiting.append((session, mode, fds))
            return
        record, limits = session.record, session.record.service.limits
        carrier = min(self._with_room(), key=lambda carrier: len(carrier.sessions), default=None)
        # A program ends by a signal at its limit on time: the front's deadline.
        seconds = 0.0 if mode in PROGRAMS else limits.session or 0.0
        request = messages.Carry(record.conn, mode, limits.idle or 0.0, seconds, label_of(record, mode))
        if carrier is None:
            let_all_go(fds)
        elif carrier.link.send(request, fds):
            carrier.enter(record.conn, session, mode)
            self._busy.set()
            if mode not in PROGRAMS:
                session.running = carrier.link
            elif session.running is not None:
                session.carried = Carried()
                session.running = CarriedProgram(session.running, carrier.link, session.carried)
            return
        self._log.message("error", "no relay has room for a session: raise `relays` in superd.toml", record.service.name)
        if mode not in PROGRAMS:  # a program sees the end of its input
            self._book.over(session, Refused(Verdict(False, Reason.OVERLOAD, detail="no relay has room")))

    def encrypt(self, session: LiveSession, fds: tuple[int, int], idle: float, first_byte: float) -> Leg:
        """Have a relay speak TLS with the client of a session, within limits in seconds or 0. Takes ``fds`` over."""
        leg = Leg(self._book.number(), session, self._book)
        request = messages.Carry(leg.number, messages.TLS, idle, first_byte, label_of(session.record, messages.TLS))
        if self.ends is not None:
            self._begin_leg(leg, request, fds)
        else:
            self._legs_waiting.append((leg, request, fds))
        return leg

    def _begin_leg(self, leg: Leg, request: messages.Carry, fds: tuple[int, ...]) -> None:
        if self.ends is None or leg.service not in self.ends:
            let_all_go(fds)
            leg.lost("the service has no certificate that can be used")
            return
        carrier = self._for_leg(leg)
        if carrier is None:
            let_all_go(fds)
        elif carrier.link.send(request, fds):
            carrier.enter(leg.number, None, messages.TLS)
            self._busy.set()
            carrier.legs[leg.number] = leg
            leg.link = carrier.link
            return
        leg.lost("no relay has room for it")

    def _for_leg(self, leg: Leg) -> Carrier | None:
        """The relay of the client's last session, which can resume it, unless another has much less to do."""
        found = list(self._with_room(secure=True))
        if not found:
            return None
        least = min(found, key=lambda carrier: carrier.files)
        own = found[leg.source % len(found)]
        return own if own.files <= 2 * least.files + LITTLE else least

    def _with_room(self, *, secure: bool = False) -> Iterator[Carrier]:
        for number, carrier in self._carriers.items():
            if (
                (number in self._secure if secure else number < self._in_use)
                and carrier.link.alive
                and carrier.files + _MOST_FILES <= self._most_files
            ):
                yield carrier

    @property
    def settled(self) -> bool:
        """Whether every session that was to be carried is a relay's."""
        return not self._waiting and all(carrier.link.settled for carrier in self._carriers.values())

    def hold(self, listener: Listener, *, secure: bool = False) -> bool:
        """True when no relay has room, or none with keys if ``secure``: clients wait in the kernel's queue until one has."""
        if not self._carriers or (secure and not self._secure) or any(True for _ in self._with_room(secure=secure)):
            return False
        self._listeners.ignore(listener)
        self._held.append(listener)
        if not self._told_full:
            self._told_full = True
            text = "accepting pauses until there is room: the relays are full; raise `relays` in superd.toml"
            self._log.message("error", text, listener.name)
        return True

    def _on_room(self) -> None:
        if self._held and (any(True for _ in self._with_room()) or any(True for _ in self._with_room(secure=True))):
            held, self._held = self._held, []
            for listener in held:
                self._listeners.watch(listener)

    def _ping(self) -> None:
        self._told_full = bool(self._held)
        for carrier in self._carriers.values():
            if not carrier.sessions or not carrier.link.alive:
                continue
            if carrier.answered != carrier.asked:
                self._distrust(carrier, "it does not answer")
            else:
                carrier.asked += 1
                carrier.link.send(messages.Ping(carrier.asked))

    def _distrust(self, carrier: Carrier, why: str) -> None:
        self._log.message("alert", f"relay {carrier.link.number}: {why}; it is being replaced")
        carrier.link.close()
        self._replace(carrier.link.number)

    # ------------------------------------------------------------------ from relays

    async def _hear(self, carrier: Carrier) -> None:
        if wrong := await carrier.link.run():
            self._distrust(carrier, wrong)
        self._settle(carrier.link.number)
        lost = [session for session, _ in carrier.sessions.values() if session is not None]
        legs = tuple(carrier.legs.values())
        carrier.sessions.clear()
        carrier.legs.clear()
        carrier.files = 0
        number = carrier.link.number
        if self._carriers.get(number) is carrier and number >= self._in_use and number not in self._secure:
            del self._carriers[number]  # its keys were renewed, and its number does not come again
        for leg in legs:
            leg.lost()
        for session in lost:
            session.record.ended_by = session.record.ended_by or Ending.FAULT
            self._end(session)
        if lost:
            self._log.message("error", f"relay {carrier.link.number} ended, and {counted(len(lost), 'session')} with it")
        self._log.flush()

    def _on_report(self, link: RelayLink, report: messages.Report) -> None:
        carrier = self._carriers.get(link.number)
        if carrier is None or carrier.link is not link:
            return  # of a pair that was given up
        match report:
            case messages.Over():
                self._over(carrier, report)
            case messages.Secured():
                leg = carrier.legs.get(report.number)
                if leg is not None:
                    leg.secured(report.facts)
                elif not carrier.of_earlier_front(report.number):
                    raise ControlError("a handshake that it was not asked for")
            case messages.Living():
                self._earlier.adopt(carrier, report)
                self._busy.set()
            case messages.Listed():
                if not carrier.listing:
                    raise ControlError("a list that was not asked for")
                if report.question == carrier.listing:
                    carrier.listing = 0
                    self._settle(link.number)
            case messages.Alive():
                # Every report is one that was asked for: a relay cannot keep the front busy.
                if carrier.listing:
                    return  # an earlier front had asked
                if report.question != carrier.asked or carrier.answered == carrier.asked:
                    raise ControlError("an answer that was not asked for")
                carrier.answered = report.question
        self._log.flush()

    def _settle(self, number: int) -> None:
        self._unlisted.discard(number)
        if not self._unlisted:
            self._listed.set()

    def _over(self, carrier: Carrier, report: messages.Over) -> None:
        if report.number not in carrier.sessions:
            if not carrier.listing:
                raise ControlError("a session that it does not carry")
            self._earlier.log_forgotten(report)
            return
        session = carrier.leave(report.number) or self._book.get(report.number)
        self._on_room()
        leg = carrier.legs.pop(report.number, None)
        if leg is not None:
            leg.over(report)
            return
        if session is None:
            return
        record = session.record
        record.traffic = (report.received, report.sent)
        explain(self._log, record, report)
        self._end(session)

    def _end(self, session: LiveSession) -> None:
        carried, session.carried = session.carried, None
        if carried is None:
            if session.launcher is None:
                self._book.over(session, SERVED)
        elif carried.end is not None:
            self._book.over(session, carried.end)
        elif session.record.ended_by is Ending.IDLE:
            self._book.end_silent(session)
