"""What launchers report, each believed only about its own sessions and services.

Runs in: the front. A launcher is what its service's user is; a taken-over one may lie about that user's programs alone.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from superd.front.sessions.live import HANDED_OVER, Exited, Refused
from superd.ipc import launch_codec as messages
from superd.record import Ending, SessionRecord
from superd.safe_text import safe
from superd.system.closing import let_go
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.front.in_force import InForce
    from superd.front.programs.commands import Commands
    from superd.front.programs.recovery import Recovery
    from superd.front.programs.stderr_lines import StderrCollector
    from superd.front.programs.stdio import StdioPrograms
    from superd.front.sessions.book import SessionBook, SessionLog
    from superd.front.sessions.live import LiveSession


class Reports:
    """Hears all launchers. ``kept`` is how many processes the programs of a service left, by (launcher, service)."""

    def __init__(
        self,
        book: SessionBook,
        in_force: InForce,
        recovery: Recovery,
        commands: Commands,
        stderr: StderrCollector,
        stdio: StdioPrograms,
        log: SessionLog,
    ) -> None:
        self._book = book
        self._in_force = in_force
        self._recovery = recovery
        self._commands = commands
        self._stderr = stderr
        self._stdio = stdio
        self._log = log
        self.kept: dict[tuple[int, str], int] = {}

    def on_report(self, number: int, report: messages.Report, fd: int) -> None:
        """Take a report of launcher ``number`` with its descriptor, which is this object's, or -1."""
        # Nearly all are of these two kinds, and a pattern costs more than the question after the type.
        if type(report) is messages.Started:
            session = self._book.get(report.conn)
            if session is None or session.launcher != number:
                return
            if report.pipe:
                self._stderr.started(number, report.pipe, report.conn)
            # Not twice: the master may have reported it first, as one that its launcher left.
            if session.stage is HANDED_OVER:
                self._book.started(session, report.pid)
        elif type(report) is messages.Exited:
            self._stderr.ended(number, report.conn)
            self._exited(number, report)
        else:
            self._on_other(number, report, fd)

    def _on_other(self, number: int, report: messages.Report, fd: int) -> None:
        match report:
            case messages.Failed():
                self._failed(number, report)
            case messages.CommandDone():
                self._commands.done(report)
            case messages.StderrPipe():
                if not self._in_force.speaks_for(number, report.service):
                    let_go(fd)
                    self._ignored(number, report.service)
                elif not self._stderr.take(number, report.service, report.pipe, self._own_conn(number, report.conn), fd):
                    text = f"ignoring a message of launcher {number} about `{safe(report.service)}`: its descriptor is not a pipe"
                    self._log.message("alert", text)
            case messages.Stdio():
                self._stdio.take(number, report, fd)
            case messages.Living():
                if self._in_force.speaks_for(number, report.service):
                    self._recovery.living(number, report)
                else:
                    self._ignored(number, report.service)
            case messages.Kept():
                if self._in_force.speaks_for(number, report.service) or not report.service:
                    self.kept[number, report.service] = report.count
            case messages.Fresh():
                self._recovery.begun(number)
                for key in [key for key in self.kept if key[0] == number]:
                    del self.kept[key]  # what it left is the master's
            case messages.Listed():
                self._recovery.listed(number, report.number)

    def leftovers_of(self, service: str) -> int:
        """Return how many processes the programs of a service left running."""
        return sum(count for (_, name), count in self.kept.items() if name == service)

    def _session_of(self, number: int, conn: int) -> LiveSession | None:
        session = self._book.get(conn)
        return session if session is not None and session.launcher == number else None

    def _own_conn(self, number: int, conn: int) -> int:
        """Return ``conn``, or 0 where it is known to be another launcher's."""
        session = self._book.get(conn)
        return conn if session is None or session.launcher == number else 0

    def _exited(self, number: int, report: messages.Exited) -> None:
        session = self._book.get(report.conn)
        if session is not None:
            if session.launcher == number:
                if session.stage is HANDED_OVER:  # its start was reported through a pair that is gone
                    self._recovery.began(session, report.pid)
                session.record.pid = report.pid
                usage = (report.utime, report.stime, report.maxrss)
                self._book.over(session, Exited(report.status, report.seconds, usage, report.out_of_memory))
            return
        # A program that this front does not know: one of an earlier front's that could not be adopted.
        service = self._in_force.services.get(report.service)
        if service is None:
            return
        if not self._in_force.speaks_for(number, report.service):
            self._ignored(number, report.service)
            return
        record = SessionRecord(report.conn, service.service, None, 0.0)
        record.pid, record.status, record.seconds = report.pid, report.status, report.seconds
        record.usage = (report.utime, report.stime, report.maxrss)
        if report.out_of_memory:
            record.ended_by = Ending.MEMORY_LIMIT
        self._log.exited(record)

    def _failed(self, number: int, report: messages.Failed) -> None:
        session = self._session_of(number, report.conn)
        if session is None:
            return
        if report.errno == errno.ECONNRESET:
            self._book.over(session, Refused(Verdict(False, Reason.GONE, detail="the client is gone")))
            return
        if session.record.ended_by is Ending.START_LIMIT:
            limit = session.record.service.limits.start
            verdict = Verdict(False, Reason.START_LIMIT, detail=f"its program did not run within {limit:g} s")
            self._book.over(session, Refused(verdict))
            return
        detail = f"cannot execute `{report.what}`: {os.strerror(report.errno)}"
        self._log.message("error", detail, record=session.record)
        self._book.over(session, Refused(Verdict(False, Reason.LAUNCH, detail=detail)))

    def _ignored(self, number: int, service: str) -> None:
        self._log.message("alert", f"ignoring a message of launcher {number} about `{safe(service)}`, which it does not start")
