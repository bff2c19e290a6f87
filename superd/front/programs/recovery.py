"""What becomes of sessions when a launcher or an earlier front has died: adopted, taken for orphans, or lost.

Runs in: the front. Believes a launcher only about services that it starts, and ends no program itself.

| what is learned | from | sessions handed over to that launcher | sessions whose program runs |
|---|---|---|---|
| it has begun anew (Fresh) | launcher | doubted until it answers a later question | the same: an end may be unreported |
| it lists what lives (Living …, Listed) | launcher | those it does not name are lost | those are over; unknown ones are adopted |
| its pair is another (Pairs) | master | asked for again if it runs, else lost | signalled through the new pair |
| it died and left these (Orphaned) | master | untouched, or running | signalled through the master; unknown ones adopted |
| one of those ended (Ended) | master | – | over |
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from signal import SIGTERM
from typing import TYPE_CHECKING, Protocol

import trio

from superd.front.programs.launcher_link import LauncherLink
from superd.front.sessions.live import Exited, Refused, Served, Stage
from superd.ipc import launch_codec as messages
from superd.peer import peer_from_text, unix_peer
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.front.in_force import InForce
    from superd.front.programs.launcher_links import LauncherLinks
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession, Running
    from superd.ipc.front_orders import Orphaned
    from superd.peer import Peer

_MAX_NUMBER = 0x7FFFFFFF


class AskMaster(Protocol):
    """Sends the master a request of its table."""

    def __call__(self, word: str, *, number: int = 0) -> None: ...


class OrphanedProgram:
    """A program whose launcher died: the master is its parent, and sends it signals."""

    __slots__ = ("_ask", "_pid")

    def __init__(self, ask: AskMaster, pid: int) -> None:
        self._ask = ask
        self._pid = pid

    def signal(self, conn: int, number: int) -> None:
        """Have the master signal the program."""
        self._ask("terminate" if number == SIGTERM else "kill", number=self._pid)


class Recovery:
    """``on_adopted`` is called with each session of a `wait` service that an earlier front began."""

    def __init__(
        self,
        links: LauncherLinks,
        book: SessionBook,
        in_force: InForce,
        ask: AskMaster,
        on_adopted: Callable[[LiveSession], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = links
        self._book = book
        self._in_force = in_force
        self._ask = ask
        self._on_adopted = on_adopted
        self._clock = clock
        self._doubted: dict[int, tuple[int, set[int]]] = {}
        """Connections that a dead launcher may have taken with it, with its number, by the question whose answer tells."""
        # Not from nothing: what an earlier front asked may lie in the pair, and its answer is not for this one.
        self._late: list[tuple[int, set[int]]] = []
        """Connections that a launcher did not name while an order waited, which may say that their programs live."""
        self.held_up: Callable[[], bool] = lambda: False
        """Whether an order of the master waits."""
        self._question = random.randrange(_MAX_NUMBER)  # noqa: S311 - not a secret
        self._unanswered: set[int] = set()
        self._all_answered = trio.Event()

    # ------------------------------------------------------------------ from the master

    def take(self, pairs: Mapping[int, int], running: frozenset[int] = frozenset()) -> None:
        """Link to new launchers, or by new pairs to known ones. The descriptors are this object's.

        Those that are ``running`` are asked what lives; the others are left asleep.
        """
        for number, fd in pairs.items():
            replaced = self._links.add(number, fd)
            if replaced:
                self._replaced(number, running=number in running)
            elif number in running:
                self._unanswered.add(self._question_to(number))

    def _replaced(self, number: int, *, running: bool) -> None:
        link = self._links.get(number)
        doubted: set[int] = set()
        ended: set[int] = set()
        for session in self._book:
            if session.launcher != number:
                continue
            if session.stage is Stage.RUNNING:
                if not isinstance(session.running, OrphanedProgram):
                    session.running = link
                    if running:
                        ended.add(session.record.conn)
            elif session.stage is Stage.HANDED_OVER and running:
                doubted.add(session.record.conn)
                session.running = link
            elif session.stage is Stage.HANDED_OVER:
                self._lost(session, "its launcher cannot be started")
        if link is not None and doubted | ended:
            link.in_flight = len(doubted)
            self._doubt(number, doubted | ended)

    def orphaned(self, order: Orphaned) -> None:
        """A launcher has died, and these of its programs live on as the master's children."""
        number = order.number
        for orphan in order.orphans:
            session = self._book.get(orphan.conn)
            if session is None:
                running = OrphanedProgram(self._ask, orphan.pid)
                self._adopt(number, orphan.conn, orphan.service, orphan.pid, orphan.source, orphan.started, running)
            elif session.launcher == number and session.stage in (Stage.HANDED_OVER, Stage.RUNNING):
                if session.stage is Stage.HANDED_OVER:
                    self.began(session, orphan.pid)
                session.running = OrphanedProgram(self._ask, orphan.pid)

    def orphan_ended(self, pid: int, status: int) -> None:
        """A child that the master inherited has ended."""
        for session in self._book:
            if session.record.pid == pid and session.stage is Stage.RUNNING:
                seconds = self._clock() - session.record.started
                self._book.over(session, Exited(status, seconds) if status >= 0 else Served())
                return

    # ------------------------------------------------------------------ from launchers

    def begun(self, number: int) -> None:
        """A launcher has just begun. What its forerunner took and did not start is lost; what waits in the pair is not."""
        link = self._links.get(number)
        doubted = {
            session.record.conn
            for session in self._book
            if session.launcher == number
            and (session.stage is Stage.HANDED_OVER or _of_launcher(session))
            # What was not sent yet comes after the question, and so is in no answer.
            and not (link is not None and link.waits(session.record.conn))
        }
        if doubted:
            self._doubt(number, doubted)

    def living(self, number: int, report: messages.Living) -> None:
        """A launcher lists a program that runs, or that it is to try again."""
        for _, doubted in self._doubted.values():
            doubted.discard(report.conn)
        session = self._book.get(report.conn)
        link = self._links.get(number)
        if session is None and link is not None and self._in_force.speaks_for(number, report.service):
            self._adopt(number, report.conn, report.service, report.pid, report.source, report.started, link)
        elif session is None:
            return
        elif session.launcher == number and session.stage is Stage.HANDED_OVER and report.pid:
            # It began while the pair was replaced: the report of its start is lost.
            self.began(session, report.pid)

    def began(self, session: LiveSession, pid: int) -> None:
        """A program turns out to have begun whose start no launcher reported."""
        self._book.started(session, pid)
        if session.launcher is not None:
            self._answered(session.launcher)

    def listed(self, number: int, question: int) -> None:
        """A launcher has listed all: what it did not name of what was doubted is lost."""
        self._unanswered.discard(question)
        if not self._unanswered:
            self._all_answered.set()
        _, doubted = self._doubted.pop(question, (number, set()))
        if doubted and self.held_up():
            self._late.append((number, doubted))
        else:
            self._give_up(number, doubted)

    def on_orders(self) -> None:
        """An order was obeyed: decide about connections that an order might have named, if none waits any more."""
        if not self._late or self.held_up():
            return
        late, self._late = self._late, []
        for number, doubted in late:
            self._give_up(number, doubted)

    def _give_up(self, number: int, doubted: set[int]) -> None:
        for conn in doubted:
            session = self._book.get(conn)
            if session is None or session.launcher != number:
                continue
            if session.stage is Stage.HANDED_OVER:
                self._answered(number)
                self._lost(session, "the launcher died")
            elif _of_launcher(session):
                self._book.over(session, Served())  # the report of its end died with the launcher, or with the pair

    async def adopted(self) -> None:
        """Return when every launcher that ran before this front has listed what lives."""
        if self._unanswered:
            await self._all_answered.wait()

    # ------------------------------------------------------------------ common parts

    def _adopt(self, number: int, conn: int, name: str, pid: int, source: str, started: float, running: Running) -> None:
        service = self._in_force.services.get(name)
        if service is None:
            return
        # Never later than now: a launcher could put its programs' limits off.
        session = self._book.adopt(service, conn, pid, _peer_of(source), min(started, self._clock()), number, running)
        if session is not None and service.service.wait:
            self._on_adopted(session)

    def _doubt(self, number: int, doubted: set[int]) -> None:
        # An earlier question may be answered by a launcher that has begun since: of what died between it knows nothing.
        self._doubted = {question: asked for question, asked in self._doubted.items() if asked[0] != number}
        self._doubted[self._question_to(number)] = (number, doubted)

    def _answered(self, number: int) -> None:
        link = self._links.get(number)
        if link is not None:
            link.answered()

    def _lost(self, session: LiveSession, detail: str) -> None:
        self._book.over(session, Refused(Verdict(False, Reason.LAUNCH, detail=detail)))

    def _question_to(self, number: int) -> int:
        self._question = self._question % _MAX_NUMBER + 1
        link = self._links.get(number)
        if link is not None:
            link.send(messages.List(self._question))
        return self._question


def _of_launcher(session: LiveSession) -> bool:
    """Whether a program runs for the session whose end its launcher would report."""
    return session.stage is Stage.RUNNING and isinstance(session.running, LauncherLink)


def _peer_of(source: str) -> Peer | None:
    """Return the client that a launcher remembers by its address; of a unix socket's client it knows no user."""
    if not source:
        return None
    try:
        return peer_from_text(source)
    except ValueError:
        return unix_peer()
