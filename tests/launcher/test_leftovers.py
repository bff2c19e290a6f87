"""A session ends with all it started, or what it left is kept and counted."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from superd.ipc import launch_codec as messages
from superd.launcher import leftovers
from superd.launcher.leftovers import KEEP, Child, Leftovers
from tests.daemon_process import WAIT
from tests.launcher_process import RealLauncher, connection, real_launcher

DAEMON = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {trap}
        open({notes!r}, "w").write(str(os.getpid()) + "\\n")
        signal.pause()
    os._exit(0)
os.wait()
while not os.path.exists({notes!r}) or not open({notes!r}).read().endswith("\\n"):
    pass
"""


def left_by(launcher: RealLauncher, notes: Path, trap: str = "pass", grace: float = 5.0) -> int:
    """A pidfd of a daemon that a program of `forks` left when it ended."""
    launcher.python("forks", DAEMON.format(trap=trap, notes=str(notes)), grace=grace)
    with connection() as (_, accepted):
        launcher.launch("forks", accepted, host="192.0.2.1")
        launcher.report(messages.Exited)
    return os.pidfd_open(int(notes.read_text()))


def ends(pidfd: int, seconds: float = WAIT) -> bool:
    """Whether the process ends in time."""
    found = bool(select.select([pidfd], [], [], seconds)[0])
    os.close(pidfd)
    return found


def test_a_daemon_with_a_session_of_its_own_ends_with_the_program_that_left_it(tmp_path: Path) -> None:
    with real_launcher() as launcher:
        assert ends(left_by(launcher, tmp_path / "pid"))


def test_one_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    with real_launcher() as launcher:
        assert ends(left_by(launcher, tmp_path / "pid", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0.2))


def test_a_process_of_the_program_s_own_group_ends_at_once() -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        launcher.service("sleeps", "/bin/sh", "-c", "sleep 1000 & true", grace=5.0)
        launcher.launch("sleeps", accepted)
        launcher.report(messages.Exited)
        assert client.recv(1) == b""  # nothing holds the connection any more


def test_what_is_kept_lives_and_is_counted_until_it_ends(tmp_path: Path) -> None:
    with real_launcher() as launcher:
        pidfd = left_by(launcher, tmp_path / "pid", grace=KEEP)
        assert launcher.report(messages.Kept) == messages.Kept("forks", 1)
        launcher.ask(messages.List(1))
        assert launcher.report(messages.Kept) == messages.Kept("forks", 1)  # a new front learns of it, too
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert launcher.report(messages.Kept) == messages.Kept("forks", 0)
        os.close(pidfd)


def test_what_belongs_to_a_program_that_runs_is_left_alone(tmp_path: Path) -> None:
    with real_launcher() as launcher, connection() as (client, accepted):
        notes = tmp_path / "pid"
        launcher.python("long", DAEMON.format(trap="pass", notes=str(notes)) + "\nsys.stdin.read()", grace=0.0)
        launcher.service("short", "/bin/true", grace=0.0)
        launcher.launch("long", accepted, host="192.0.2.1")
        while not notes.exists() or not notes.read_text().endswith("\n"):
            launcher.ask(messages.List(1))
            launcher.report(messages.Listed)
        pidfd = os.pidfd_open(int(notes.read_text()))
        for _ in range(3):
            with connection() as (_, other):
                launcher.launch("short", other, host="192.0.2.2")
                launcher.report(messages.Exited)
        assert not select.select([pidfd], [], [], 2 * leftovers.LOOK_SECONDS)[0]
        client.close()
        assert ends(pidfd)


def test_all_that_is_due_is_killed_when_the_launcher_ends(tmp_path: Path) -> None:
    with real_launcher() as launcher:
        pidfd = left_by(launcher, tmp_path / "pid", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", 1000.0)
    assert ends(pidfd)


def test_an_orphan_whose_program_is_unknown_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    signalled: list[int] = []
    monkeypatch.setattr(leftovers, "_children", lambda: {77})
    monkeypatch.setattr(leftovers, "_signal", lambda pid, number: signalled.append(pid))
    monkeypatch.setattr(leftovers, "session_id", lambda pid: 76)
    monkeypatch.setattr(leftovers, "client_of", lambda pid: None)
    monkeypatch.setattr(leftovers, "signal_group", lambda pid, number: False)
    found = Leftovers(lambda slots: None)
    assert found.program_ended(Child(5, 1, "s", "192.0.2.1", 9, 0.0, grace=0.0), 10.0)
    found.on_time(found.due, {}, ())
    assert (found.kept, signalled) == ({"": 1}, [])
    found.reaped(77)
    assert found.kept == {"": 0}
    assert found.changed == {""}


def test_many_that_ended_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[int] = []
    monkeypatch.setattr(leftovers, "_children", lambda: set())
    monkeypatch.setattr(leftovers, "signal_group", lambda pid, number: False)
    found = Leftovers(freed.extend)
    for number in range(leftovers.LOOK_MOST):
        assert found.due > 10.0
        found.program_ended(Child(5 + number, 1, "s", "192.0.2.1", 9, 0.0, slot=number), 10.0)
    assert found.due == 10.0
    found.on_time(10.0, {}, ())
    assert freed == [*range(leftovers.LOOK_MOST)]
    assert not found


def test_one_that_is_just_being_executed_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no environment for a moment: it was kept for good, and its client waited."""
    signalled: list[int] = []
    freed: list[int] = []
    monkeypatch.setattr(leftovers, "_children", lambda: {77, 78})
    monkeypatch.setattr(leftovers, "_signal", lambda pid, number: not signalled.append(pid))  # type: ignore[func-returns-value]
    monkeypatch.setattr(leftovers, "session_id", lambda pid: pid)
    clients: dict[int, tuple[str, int] | None] = {77: None, 78: None}
    monkeypatch.setattr(leftovers, "client_of", lambda pid: clients[pid])
    monkeypatch.setattr(leftovers, "is_executing", lambda pid: True)
    monkeypatch.setattr(leftovers, "signal_group", lambda pid, number: False)
    found = Leftovers(freed.extend)
    found.program_ended(Child(5, 1, "s", "192.0.2.1", 9, 0.0, grace=0.0, slot=3), 10.0)
    now = found.due
    found.on_time(now, {}, ())
    assert (signalled, found.kept, freed, found.due) == ([], {}, [], now + leftovers.LOOK_SECONDS)
    monkeypatch.setitem(clients, 77, ("192.0.2.1", 9))
    found.on_time(found.due, {}, ())
    assert (signalled, found.kept) == ([77], {"": 1})
