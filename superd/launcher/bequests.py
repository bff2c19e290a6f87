"""What programs left whose launcher died: ended here, as that launcher would have done it.

Their processes are the master's children now, and the master may not read what tells whose they are: a process can make a
reader of its environment wait. This process has their user, and the harm would be that user's alone.

Runs in: launchers. Standard library only. Signals by descriptors (pidfd), and only processes that the master is the parent of.
"""

from __future__ import annotations

import os
import signal
import time

from superd.ipc.launcher_control import read_bequest
from superd.launcher.leftovers import KEEP, client_of, session_id, signal_group
from superd.system.outside import open_proc
from superd.system.pidfd import send_signal

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.ipc.launcher_control import Bequeathed, Bequest
    from superd.launcher.programs import Programs

NEVER = float("inf")
TICK = 1 / os.sysconf("SC_CLK_TCK")


class Bequests:
    """What got SIGTERM, until it is gone or gets SIGKILL."""

    def __init__(self) -> None:
        self._ending: dict[int, tuple[float, int, int]] = {}
        """By process: when, its descriptor, and the process group that ends with it or 0."""

    def __bool__(self) -> bool:
        return bool(self._ending)

    @property
    def due(self) -> float:
        """When something gets SIGKILL (monotonic seconds); infinite for never."""
        return min((due for due, _, _ in self._ending.values()), default=NEVER)

    def take(self, bequest: Bequest, programs: Programs, now: float) -> None:
        """End those of the ``children`` that belong to a program that is over; what belongs to none that is known is kept."""
        sessions = {program.pid: program for program in bequest.programs if program.pid}
        clients = {(program.source, program.port): program for program in bequest.programs}
        clients |= {(program.source, program.port): program for program in bequest.programs if not program.over}
        parent = os.getppid()
        for pid in bequest.children:
            if pid in self._ending:
                continue
            try:
                fd = os.pidfd_open(pid)
            except OSError:
                continue
            program = None
            if _parent_of(pid) == parent:
                program = sessions.get(session_id(pid))
                if program is None:
                    client = client_of(pid)
                    program = clients.get(client) if client is not None else None
            grace = _grace(program, pid, programs, now)
            if program is None or grace < 0 or not _signal(fd, signal.SIGTERM):
                os.close(fd)
                continue
            group = _group_of(pid)
            if group not in (pid, program.pid):
                group = 0
            if group:
                signal_group(group, signal.SIGTERM)
            self._ending[pid] = (now + grace, fd, group)

    def on_time(self, now: float) -> None:
        """Send SIGKILL to what did not end in its time."""
        for pid in [pid for pid, (due, _, _) in self._ending.items() if due <= now]:
            _, fd, group = self._ending.pop(pid)
            if _signal(fd, signal.SIGKILL) and group:
                signal_group(group, signal.SIGKILL)
            os.close(fd)

    def end_now(self) -> None:
        """This process ends: send SIGKILL to all that would have got it later."""
        self.on_time(NEVER)


def taken(bequests: Bequests | None, memory: int, programs: Programs) -> Bequests:
    """Take what the master sent as ``memory``, which is closed, and return all that there is to do."""
    bequests = bequests or Bequests()
    bequests.take(read_bequest(memory), programs, time.monotonic())
    return bequests


def _grace(program: Bequeathed | None, pid: int, programs: Programs, now: float) -> float:
    """Return the grace of a process that belongs to ``program``; negative if it is to be left alone."""
    spec = programs.spec(program.service, now) if program is not None and program.over else None
    if program is None or spec is None:
        return KEEP
    if program.pid:
        return spec.grace
    # It was just being started, so of a service that keeps what its programs leave something older may have the same client.
    return max(spec.grace, 0.0) if _started(pid) >= program.started - TICK else KEEP


def _signal(fd: int, number: int) -> bool:
    try:
        return send_signal(fd, number)
    except PermissionError:
        return False  # it became another user's by a set-uid program


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _parent_of(pid: int) -> int:
    return int(_stat(pid, 1))


def _started(pid: int) -> float:
    """Return when a process was forked, in seconds of the monotonic clock."""
    since_boot = int(_stat(pid, 19)) * TICK
    return since_boot - (time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())


def _stat(pid: int, index: int) -> bytes:
    try:
        with open(open_proc(f"{pid}/stat"), "rb") as file:
            return file.read().rpartition(b")")[2].split()[index]
    except (OSError, IndexError):
        return b"0"  # it has ended
