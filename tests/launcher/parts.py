"""The parts of a launcher that start programs and reap them, in the test's own process: without its loop and its sockets."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from superd.ipc import launch_codec as messages
from superd.ipc.running_table import RunningTable, make_table
from superd.launcher import retries
from superd.launcher.children import Children
from superd.launcher.commands import Commands
from superd.launcher.front_end import FrontEnd
from superd.launcher.groups import Groups
from superd.launcher.leftovers import Leftovers
from superd.launcher.lingering import Copies
from superd.launcher.programs import Programs
from superd.launcher.starts import Starts
from superd.system.spawn import choose_spawn

R = TypeVar("R", bound=messages.Report)


class Parts:
    """They are connected as in ``launcher/process.py``. ``orders`` is what the master has sent and the launcher has not read."""

    def __init__(self) -> None:
        poll = select.poll()
        self.memory = make_table()
        self.table = RunningTable()
        self.table.use(os.dup(self.memory))
        self.programs = Programs(choose_spawn(), ())
        self.front = FrontEnd(poll, self.programs, lambda why: None)
        self.front.reports.clear()
        self.groups = Groups(lambda word, text: True)
        self.copies = Copies(poll)
        self.commands = Commands(self.programs, self.front)
        self.leftovers = Leftovers(self.table.free)
        self.children = Children(self.programs, self.front, self.groups, self.commands, self.table, self.copies, self.leftovers)
        self.master_lives = True
        self.orders: list[dict[str, Any]] = []
        self.starts = Starts(self.programs, self.front, self.groups, self.children, self.table, self.copies, self._hear_master)

    def _hear_master(self) -> bool:
        for services in self.orders:
            self.programs.configure(services, {}, 0.0)
        self.orders.clear()
        return self.master_lives

    def launch(self, conn: int, service: str, fd: int, now: float = 100.0) -> bool:
        """Start ``service`` for ``fd``, which is closed."""
        request = messages.Launch(conn, service, "192.0.2.7", 4711, "192.0.2.1", 23, "", "", "tcp")
        return self.starts.launch(request, fd, retries.FIRST, now, now)

    def all_reports(self) -> list[messages.Report]:
        """Take what the front has not been sent."""
        found = messages.parse_reports(messages.batch(self.front.reports)) if self.front.reports else []
        self.front.reports.clear()
        return list(found)

    def reports(self, kind: type[R]) -> list[R]:
        """Take what the front has not been sent; return the reports of this kind."""
        return [report for report in self.all_reports() if isinstance(report, kind)]

    def wait_end(self, pid: int) -> None:
        """Wait until a program has ended, and leave it to be reaped."""
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        """End what runs."""
        for pid in self.children.of_pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.copies.on_time(float("inf"))
        os.close(self.memory)


def service(*argv: str, index: int = 0, **more: Any) -> dict[str, Any]:
    """Return a service's message to a launcher."""
    plain = {
        "program": argv[0], "argv": list(argv), "env": [["PATH", os.defpath]], "umask": 0o022, "stderr_socket": True,
        "leftovers_grace": -1.0, "index": index,
    }  # fmt: skip
    return plain | more


@contextmanager
def launcher_parts(**services: dict[str, Any]) -> Iterator[Parts]:
    """The parts with these services, for one test."""
    parts = Parts()
    parts.programs.configure(services, {}, 0.0)
    parts.groups.configure(parts.programs.groups(), 0.0)
    try:
        yield parts
    finally:
        parts.close()
