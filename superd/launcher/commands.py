"""Commands of rules (`spawn`, `aclexec`) that a launcher runs: started on request, killed at their time, reported when they end.

Runs in: launchers. Standard library only. Never runs a text of a request: the launcher's own copy has it (``programs.py``).
"""

from __future__ import annotations

import os
import signal

from superd.ipc import launch_codec as messages
from superd.launcher.leftovers import signal_group

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.launcher.front_end import FrontEnd
    from superd.launcher.programs import Programs

AT_ONCE = 128
"""Twice ``policy.hooks_at_once`` at its highest: commands that hold a connection, and background commands."""
NEVER = float("inf")


class Commands:
    """The commands that run now, by their pids."""

    __slots__ = ("_front", "_programs", "_running")

    def __init__(self, programs: Programs, front: FrontEnd) -> None:
        self._programs = programs
        self._front = front
        self._running: dict[int, tuple[int, float]] = {}
        """pid → the front's number of the command, and when it is killed (monotonic); ``NEVER`` once that is done."""

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, pid: object) -> bool:
        return pid in self._running

    @property
    def due(self) -> float:
        """When ``on_time`` has something to do (monotonic)."""
        return min((deadline for _, deadline in self._running.values()), default=NEVER)

    def start(self, request: messages.RunCommand, now: float) -> None:
        """Run the command of a request, or report that it was not run."""
        if len(self._running) < AT_ONCE:
            try:
                self._running[self._programs.run_command(request, now)] = (request.number, now + request.seconds)
            except (OSError, ValueError):
                pass
            else:
                return
        self._report(request.number, -1)

    def reaped(self, pid: int, status: int) -> None:
        """Report the end of a command, if ``pid`` is one: its exit status, or 128 + the signal that killed it."""
        command = self._running.pop(pid, None)
        if command is not None:
            code = os.waitstatus_to_exitcode(status)
            self._report(command[0], code if code >= 0 else 128 - code)

    def on_time(self, now: float) -> None:
        """Kill what has run for its time."""
        for pid, (number, deadline) in self._running.items():
            if now >= deadline:
                self._running[pid] = (number, NEVER)
                signal_program(pid, signal.SIGKILL)

    def _report(self, number: int, status: int) -> None:
        self._front.reports.append(messages.encode_report(messages.CommandDone(number, status)))


def signal_program(pid: int, number: int) -> None:
    """Send a signal to the process group of a child, or to the child alone if it has left its group."""
    if not signal_group(pid, number):
        try:
            os.kill(pid, number)
        except OSError:
            pass  # another user's by a set-uid program, or ended since the last sweep
