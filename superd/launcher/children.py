"""The programs of a launcher that run: reaped and reported with what they used, signalled, and listed.

Runs in: launchers. Standard library only. Never starts a program: ``starts.py`` adds what it has started.
"""

from __future__ import annotations

import os
import signal
import time

from superd.ipc import launch_codec as messages
from superd.launcher.commands import signal_program

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.ipc.running_table import RunningTable
    from superd.launcher.commands import Commands
    from superd.launcher.front_end import FrontEnd
    from superd.launcher.groups import Groups
    from superd.launcher.leftovers import Child, Leftovers
    from superd.launcher.lingering import Copies
    from superd.launcher.programs import Programs
    from superd.system.program_group import Group


class Children:
    """Programs by their pid, and the pids by the number of their connection."""

    def __init__(
        self,
        programs: Programs,
        front: FrontEnd,
        groups: Groups,
        commands: Commands,
        table: RunningTable,
        copies: Copies,
        leftovers: Leftovers,
    ) -> None:
        self._programs = programs
        self._front = front
        self._groups = groups
        self._commands = commands
        self._table = table
        self._copies = copies
        self._leftovers = leftovers
        self.of_pid: dict[int, Child] = {}
        self.by_conn: dict[int, int] = {}

    def signal(self, conn: int, number: int) -> bool:
        """Signal the program of a connection; SIGKILL ends its whole group. Return whether it has a program."""
        pid = self.by_conn.get(conn)
        if pid is None:
            return False
        group = self.of_pid[pid].group
        if number == signal.SIGKILL and group is not None:
            group.end()
        signal_program(pid, number)
        return True

    def list(self) -> None:
        """Report every program."""
        for pid, child in self.of_pid.items():
            living = messages.Living(child.conn, child.service, pid, child.source, child.started)
            self._front.reports.append(messages.encode_report(living))

    def reap(self) -> None:
        """Report every child that ended: one sweep finds all."""
        children, reports = self.of_pid, self._front.reports
        while children or self._commands or self._leftovers:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                # There is none: of those we hold, the kernel would say so for good.
                children.clear()
                self.by_conn.clear()
                return
            if pid == 0:
                return
            child = children.pop(pid, None)
            if child is None:
                self._commands.reaped(pid, status)
                self._leftovers.reaped(pid)
                continue
            now = time.monotonic()
            if self.by_conn.get(child.conn) == pid:
                del self.by_conn[child.conn]
            self._table.ended(child.slot)
            alone = self._leftovers.program_ended(child, now)
            spec = self._programs.ended(child.service, child.conn, alone=alone)
            if self._copies and self._copies.ended(pid, alone=alone, now=now) and spec is not None:
                spec.habit.left_unread()
            user, system, peak, out_of_memory = usage.ru_utime, usage.ru_stime, usage.ru_maxrss, False
            if child.group is not None:
                (user, system, peak), out_of_memory = self._group_ended(child, child.group, (user, system, peak), now)
            reports.append(
                messages.encode_exited(
                    child.conn, child.service, pid, status, user, system, peak, now - child.started, out_of_memory
                )
            )

    def _group_ended(
        self, child: Child, group: Group, times: tuple[float, float, int], now: float
    ) -> tuple[tuple[float, float, int], bool]:
        """Return what the whole tree used, as far as the kernel counts it, and whether its memory ran out."""
        user, system, peak, out_of_memory = group.usage()
        self._groups.program_ended(group, child.grace, now)
        return (user or times[0], system or times[1], peak or times[2]), out_of_memory
