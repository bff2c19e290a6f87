"""What launchers report, each believed only about its own."""

from __future__ import annotations

import errno
import os
from typing import Any, cast

from superd.front.programs.commands import Commands
from superd.front.programs.dispatch import Dispatch
from superd.front.programs.recovery import Recovery
from superd.front.programs.reports import Reports
from superd.front.sessions.live import LiveSession, Stage
from superd.ipc import launch_codec as messages
from superd.peer import Peer
from superd.verdict import Reason
from tests.front.programs.parts import Parts, descriptor


class Stderr:
    """Takes pipes, and closes them."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, str, int]] = []

        self.begun: list[tuple[int, int, int]] = []
        self.over: list[tuple[int, int]] = []

    def take(self, launcher: int, service: str, number: int, conn: int, fd: int) -> bool:
        self.taken.append((launcher, service, conn))
        os.close(fd)
        return True

    def started(self, launcher: int, number: int, conn: int) -> None:
        self.begun.append((launcher, number, conn))

    def ended(self, launcher: int, conn: int) -> None:
        self.over.append((launcher, conn))


def made() -> tuple[Parts, Reports, Stderr]:
    """Service `cat` at the launchers 0 and 1, `other` at 2 and 3."""
    parts, stderr = Parts("cat", "other"), Stderr()
    commands = Commands(parts.links, parts.in_force, lambda service: 0, parts.log, lambda *task: None)
    recovery = Recovery(parts.links, parts.book, parts.in_force, parts.ask, lambda session: None, lambda: parts.now)
    return parts, Reports(parts.book, parts.in_force, recovery, commands, cast("Any", stderr), parts.stdio, parts.log), stderr


def handed_over(parts: Parts) -> LiveSession:
    session = parts.session("cat")
    Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: None).hand_over(
        session, Peer("", 4, 0), descriptor()
    )
    return session


def exited(conn: int, service: str = "cat") -> messages.Exited:
    return messages.Exited(conn, service, 77, 256, 0.1, 0.1, 1000, 2.5)


async def test_a_session_begins_and_ends_by_its_own_launcher_s_word_alone() -> None:
    parts, reports, stderr = made()
    session = handed_over(parts)
    conn = session.record.conn
    for number in (1, 2):
        reports.on_report(number, messages.Started(conn, 66, 3), -1)
        reports.on_report(number, exited(conn), -1)
        reports.on_report(number, messages.Failed(conn, errno.ENOENT, "/bin/cat"), -1)
    assert session.stage is Stage.HANDED_OVER
    reports.on_report(0, messages.Started(conn, 77, 3), -1)
    assert stderr.begun == [(0, 3, conn)]
    assert (session.stage, session.record.pid) == (Stage.RUNNING, 77)
    reports.on_report(0, exited(conn), -1)
    assert (session.stage, session.record.status, session.record.seconds) == (Stage.OVER, 256, 2.5)
    assert parts.counts.by_service.get("cat", 0) == 0


async def test_a_start_whose_report_is_lost_is_logged_before_its_end() -> None:
    """The pair was replaced between the two reports: the log had an EXIT without a START."""
    parts, reports, _ = made()
    session = handed_over(parts)
    link = parts.links.get(0)
    assert link is not None
    assert link.in_flight == 1
    reports.on_report(0, exited(session.record.conn), -1)
    assert (parts.log.begun, parts.log.ended, link.in_flight) == ([session.record.conn], [(session.record.conn, 256)], 0)
    assert (session.stage, session.record.status) == (Stage.OVER, 256)


async def test_a_program_that_cannot_be_started_is_logged_with_its_reason() -> None:
    parts, reports, _ = made()
    reports.on_report(0, messages.Failed(handed_over(parts).record.conn, errno.ENOENT, "/bin/cat"), -1)
    assert parts.log.messages == [("error", "cannot execute `/bin/cat`: No such file or directory")]
    assert [verdict.reason for _, verdict in parts.log.denied] == [Reason.LAUNCH]


async def test_a_client_that_was_gone_before_the_start_is_not_an_error() -> None:
    parts, reports, _ = made()
    reports.on_report(0, messages.Failed(handed_over(parts).record.conn, errno.ECONNRESET, ""), -1)
    assert parts.log.messages == []
    assert [verdict.reason for _, verdict in parts.log.denied] == [Reason.GONE]


async def test_a_taken_over_launcher_can_speak_of_its_own_services_alone() -> None:
    parts, reports, stderr = made()
    before = len(os.listdir("/proc/self/fd"))
    for report in (
        messages.Living(500, "other", 4711, "192.0.2.1", 1.0),
        exited(501, "other"),
        messages.Kept("other", 9),
        messages.StderrPipe("other", 0, 0),
        messages.StderrPipe("no\x1b[2J\nsuch", 0, 0),
    ):
        reports.on_report(0, report, descriptor() if isinstance(report, messages.StderrPipe) else -1)
    assert len(parts.book) == 0
    assert parts.log.ended == []
    assert stderr.taken == []
    assert reports.leftovers_of("other") == 0
    assert [level for level, _ in parts.log.messages] == ["alert"] * 4
    assert all("\x1b" not in text and "\n" not in text for _, text in parts.log.messages)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_its_own_it_can() -> None:
    parts, reports, stderr = made()
    reports.on_report(1, messages.StderrPipe("cat", 0, 7), descriptor())
    reports.on_report(1, messages.Living(500, "cat", 4711, "192.0.2.1", 1.0), -1)
    reports.on_report(0, exited(501), -1)  # a program of an earlier front's that was not adopted
    assert stderr.taken == [(1, "cat", 7)]
    assert parts.book.get(500) is not None
    assert parts.log.ended == [(501, 256)]
    # The launcher of a rule's user starts every service.
    parts.in_force.launcher_for = {("bob", ""): 3}
    reports.on_report(3, messages.Living(502, "cat", 4712, "192.0.2.1", 1.0), -1)
    assert parts.book.get(502) is not None


async def test_leftovers_are_counted_by_service_until_their_launcher_dies() -> None:
    _, reports, _ = made()
    reports.on_report(0, messages.Kept("cat", 2), -1)
    reports.on_report(1, messages.Kept("cat", 3), -1)
    reports.on_report(0, messages.Kept("", 1), -1)
    assert reports.leftovers_of("cat") == 5
    reports.on_report(0, messages.Fresh(), -1)
    assert reports.leftovers_of("cat") == 3


async def test_an_exit_of_a_service_that_was_removed_has_no_line() -> None:
    parts, reports, _ = made()
    del parts.in_force.services["cat"]
    reports.on_report(0, exited(501), -1)
    assert parts.log.ended == []
