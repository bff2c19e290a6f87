"""Commands of rules in a launcher: limited in number and time, and each of them reported once."""

from __future__ import annotations

import os
import signal

from superd.expansion import Values
from superd.ipc import launch_codec as messages
from superd.launcher import commands
from superd.launcher.commands import NEVER, Commands, signal_program
from superd.launcher.programs import Programs
from superd.system.spawn import choose_spawn


class Front:
    """A front's end that keeps the reports."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def taken(self) -> list[messages.Report]:
        found = messages.parse_reports(messages.batch(self.reports)) if self.reports else []
        self.reports.clear()
        return list(found)


def made() -> tuple[Commands, Front, Programs]:
    programs, front = Programs(choose_spawn(), ()), Front()
    programs.configure({}, {"true": ["spawn", "exit 3"], "wait": ["spawn", "exec sleep 600"]}, 0.0)
    return Commands(programs, front), front, programs  # type: ignore[arg-type]


def request(number: int, digest: str, seconds: float = 5.0) -> messages.RunCommand:
    return messages.RunCommand(number, digest, Values(), seconds)


def test_a_command_is_reported_when_it_ends_and_only_then() -> None:
    running, front, _ = made()
    running.start(request(7, "true"), 100.0)
    assert front.taken() == []
    assert (len(running), running.due) == (1, 105.0)
    pid, status = os.wait()
    assert pid in running
    running.reaped(pid, status)
    assert front.taken() == [messages.CommandDone(7, 3)]
    assert (len(running), running.due) == (0, NEVER)
    running.reaped(pid, status)
    assert front.taken() == []


def test_a_command_is_killed_at_its_time_once_and_reported_with_the_signal() -> None:
    running, front, _ = made()
    running.start(request(7, "wait", 5.0), 100.0)
    running.on_time(104.9)
    assert running.due == 105.0
    running.on_time(105.0)
    assert running.due == NEVER
    running.reaped(*os.wait())
    assert front.taken() == [messages.CommandDone(7, 128 + signal.SIGKILL)]


def test_what_is_not_known_or_one_too_many_is_not_run() -> None:
    running, front, _ = made()
    running.start(request(1, "unknown"), 0.0)
    assert front.taken() == [messages.CommandDone(1, -1)]
    for number in range(commands.AT_ONCE):
        running._running[-number - 1] = (number, NEVER)
    running.start(request(2, "true"), 0.0)
    assert front.taken() == [messages.CommandDone(2, -1)]


def test_a_signal_for_a_process_that_has_ended_is_not_an_error() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    signal_program(pid, signal.SIGTERM)
