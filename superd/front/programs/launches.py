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
from superd.front.programs.stuck_launchers import StuckLaunchers

if TYPE_CHECKING:
    import trio

    from superd.expansion import Values
    from superd.front.process import Front
    from superd.ipc.launch_codec import Report
    from superd.record import SessionRecord
    from superd.rule import Option


class Launches:
    """What the front asks of launchers, and what it hears from them."""

    def __init__(self, front: Front) -> None:
        self._front = front

        def start_task(*arguments: object) -> None:
            front.nursery.start_soon(*arguments)  # type: ignore[arg-type]

        def ask(word: str, *, number: int = 0, signal: int = 0) -> None:
            front.ask(word, number=number)

        def on_report(number: int, report: Report, fd: int) -> None:
            self.reports.on_report(number, report, fd)

        self.links = LauncherLinks(front.log, on_report, self._on_room, start_task)
        self.dispatch = Dispatch(self.links, front.book, front.in_force, self._on_full)
        self.commands = Commands(self.links, front.in_force, self.dispatch.choose, front.log, start_task)
        self._backpressure = Backpressure(front.listeners, front.in_force)
        self.recovery = Recovery(self.links, front.book, front.in_force, ask, lambda session: front.datagrams.adopted(session))
        self.stuck = StuckLaunchers(self.dispatch, ask, front.log)
        self.reports: Reports
        self.configure = self.commands.configure
        self.hand_over = self.dispatch.hand_over
        self.flush = self.links.flush
        self.take = self.recovery.take
        self.adopted = self.recovery.adopted
        self.orphan_ended = self.recovery.orphan_ended

    def begin(self, nursery: trio.Nursery) -> None:
        """Inside the loop, before anything else."""
        front = self._front
        stderr = StderrCollector(nursery, lambda service, text: front.log.message("info", text, service), front.log.flush)
        self.reports = Reports(front.book, front.in_force, self.recovery, self.commands, stderr, front.log)

    async def run(self) -> None:
        """Hear launchers until cancelled."""
        await self.links.run(self._front.log.flush)

    def poll(self, seconds: float) -> bool:
        """Hear what launchers report within ``seconds``, in which the whole loop stands still."""
        heard = self.links.poll(seconds)
        if heard:
            self._front.log.flush()
        return heard

    @property
    def busy(self) -> bool:
        """Whether a launcher has its hands full."""
        return self.links.busy

    def profile_for(self, user: str, group: str) -> int | None:
        """The launcher for a rule's `user` and `group` options."""
        return self._front.in_force.launcher_for.get((user, group))

    async def run_hook(self, option: Option, values: Values, record: SessionRecord, steps: tuple[str, ...] = ()) -> int:
        """Run a command of the policy; return its exit status, 1 if it did not run."""
        return await self.commands.run(option, values, record.service.name, steps)

    def _on_full(self, service: str) -> None:
        self._backpressure.on_full(self.dispatch, service)

    def _on_room(self) -> None:
        self._backpressure.on_room(self.dispatch)
