"""Give sessions to launchers: which launcher, and what goes with them.

Runs in: the front. Never admits a client: what comes here was admitted. Knows no launcher's state but how busy it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.front.handing_over import AS_CONFIGURED, HowToStart
from superd.front.programs.launcher_link import MAX_QUEUE
from superd.front.programs.launcher_links import BUSY
from superd.front.sessions.live import HANDED_OVER, OVER, Refused
from superd.ipc import launch_codec as messages
from superd.peer import Peer
from superd.system.closing import let_go
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.front.in_force import InForce
    from superd.front.programs.launcher_link import LauncherLink
    from superd.front.programs.launcher_links import LauncherLinks
    from superd.front.programs.stdio import StdioPrograms
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession

NO_PEER = Peer("", 4, 0)
"""The peer of a ``wait`` stream service: its program accepts by itself."""


class Dispatch:
    """``on_full`` is called with the service whose launchers have long queues."""

    def __init__(
        self,
        links: LauncherLinks,
        book: SessionBook,
        in_force: InForce,
        stdio: StdioPrograms,
        on_full: Callable[[str], None],
    ) -> None:
        self._links = links
        self._book = book
        self._in_force = in_force
        self._stdio = stdio
        self._on_full = on_full
        self.avoided: set[int] = set()
        """Launchers that stand still."""
        self.stuck: dict[str, int] = {}
        """Services whose program's start does not return, and the launcher that stands still for it."""
        self._waiting: list[tuple[LiveSession, Peer, int, HowToStart]] = []
        """Sessions of other services, whose launchers all stand still: the master starts another."""

    def hand_over(
        self,
        session: LiveSession,
        server: Peer,
        fd: int,
        how: HowToStart = AS_CONFIGURED,
    ) -> None:
        """Give the session's socket to a launcher of its service, or to that of a rule; ``fd`` is the launcher's from here."""
        record, service = session.record, session.record.service
        number = how.launcher if how.launcher is not None else self.choose(service.name)
        link = self._links.get(number)
        if self.avoided and number in self.avoided and self.stuck.get(service.name) != number and len(self._waiting) < MAX_QUEUE:
            self._waiting.append((session, server, fd, how))
            return
        if link is None:
            let_go(fd)
            self._book.over(session, Refused(Verdict(False, Reason.LAUNCH, detail="no launcher")))
            return
        if service.limits.per_minute is not None:
            self._book.count_start(session)
        peer = record.peer or NO_PEER
        record.local = server
        session.launcher, session.running, session.stage = number, link, HANDED_OVER
        request = messages.Launch(
            record.conn,
            service.name,
            peer.address,
            peer.port,
            server.address,
            server.port,
            peer.name,
            peer.user,
            session.service.proto if peer.version else "unix",
            how.steps,
            how.values,
            (*record.through.facts, *record.tls) if record.through is not None else record.tls,
        )
        if service.stdio != "socket":
            fd = self._stdio.hold(session, fd)
        if not link.launch(request, fd, session.source):
            self._on_full(service.name)

    def try_again(self) -> None:
        """Hand over what waited: there is another launcher, or one goes on."""
        waiting, self._waiting = self._waiting, []
        for session, server, fd, how in waiting:
            if session.stage is OVER:
                let_go(fd)
            else:
                self.hand_over(session, server, fd, how)
        self._links.flush()

    def flush(self) -> None:
        """Send what is queued: once a batch, and once for a session that had to wait."""
        self._links.flush()

    def choose(self, service: str) -> int | None:
        """Return the launcher to use: the first while it has little to do, so that the others can sleep and end.

        A service whose program's start does not return stays where it is; the others go round that launcher.
        """
        least, chosen = 0, None
        for number in self._usable(service) if self.avoided else self._in_force.launchers_of.get(service, ()):
            link = self._links.get(number)
            if link is None:
                continue
            if link.in_flight < BUSY:
                return number
            if chosen is None or link.in_flight < least:
                least, chosen = link.in_flight, number
        return chosen

    def links_of(self, service: str) -> list[LauncherLink]:
        """Return the links that the service's next connection can go to."""
        return [link for number in self._usable(service) if (link := self._links.get(number)) is not None]

    def _usable(self, service: str) -> tuple[int, ...]:
        numbers = self._in_force.launchers_of.get(service, ())
        if not self.avoided:
            return numbers
        own = self.stuck.get(service)
        if own in numbers:
            return (own,)
        return tuple(number for number in numbers if number not in self.avoided) or numbers
