"""The parts of `front/programs/`, put together for the front.

Runs in: the front. Knows no trade of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.front.programs.backpressure import Backpressure
from superd.front.programs.commands import Commands
from superd.front.programs.dispatch import Dispatch
from superd.front.programs.launcher_links import LauncherLinks
from superd.front.programs.recovery import Recovery
from superd.front.programs.reports import Reports
from superd.front.programs.stderr_lines import StderrCollector
from superd.front.programs.stdio import StdioPrograms
from superd.front.programs.stuck_launchers import StuckLaunchers
from superd.log.event import Kind
from superd.record import session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.front.handing_over import Carries, StartTask
    from superd.front.in_force import InForce
    from superd.front.programs.recovery import AskMaster
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.log.log import Log
    from superd.net.listener import ListenerSet


class Launches:
    """What the front asks of launchers, and what it hears from them."""

    def __init__(
        self,
        log: Log,
        in_force: InForce,
        book: SessionBook,
        listeners: ListenerSet,
        start_task: StartTask,
        carriers: Carries,
        ask: AskMaster,
        on_adopted_wait: Callable[[LiveSession], None],
    ) -> None:
        self._log = log
        self._start_task = start_task
        self.links = LauncherLinks(log, self._on_room, start_task)
        self._stdio = stdio = StdioPrograms(carriers)
        self.dispatch = Dispatch(self.links, book, in_force, stdio, self._on_full)
        self.commands = Commands(self.links, in_force, self.dispatch.choose, log, start_task)
        self._backpressure = Backpressure(listeners, in_force)
        self.recovery = Recovery(self.links, book, in_force, ask, on_adopted_wait)
        self.stuck = StuckLaunchers(self.dispatch, ask, log)

        def say(service: str, conn: int, text: str) -> None:
            log.message("info", text, service, kind=Kind.OUTPUT, session=session_id(conn) if conn else "")

        stderr = StderrCollector(start_task, say, log.flush, self.links.read_from)
        self.reports = Reports(book, in_force, self.recovery, self.commands, stderr, stdio, log)
        self.links.tell_reports(self.reports.on_report)
        self.configure = self.commands.configure
        self.flush = self.links.flush
        self.take = self.recovery.take
        self.adopted = self.recovery.adopted
        self.orphan_ended = self.recovery.orphan_ended

    async def run(self) -> None:
        """Hear launchers until cancelled."""
        self._start_task(self.links.watch, self.stuck.on_silent)
        await self.links.run(self._log.flush)

    @property
    def settled(self) -> bool:
        """Whether no client waits here for its program's pipes or terminal."""
        return not len(self._stdio)

    def poll(self, seconds: float) -> bool:
        """Hear what launchers report within ``seconds``, in which the whole loop stands still."""
        heard = self.links.poll(seconds)
        if heard:
            self._log.flush()
        return heard

    @property
    def busy(self) -> bool:
        """Whether a launcher has its hands full."""
        return self.links.busy

    def _on_full(self, service: str) -> None:
        self._backpressure.on_full(self.dispatch, service)

    def _on_room(self) -> None:
        self._backpressure.on_room(self.dispatch)
