"""The launcher: a small process that became one identity for good and starts programs as it. Standard library only.

It gets its services from the master, over the control socket, and takes requests from the front: a request names a
service, never a command. It reaps what it started and reports. When the front dies it serves the next one; when the
master dies it ends, and the programs live on. A message that is not in the closed table ends that front's connection.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # what `signal` wraps: its own functions make enums of numbers, 5 µs a sleep
import errno
import functools
import os
import select
import signal
import socket
import sys
import time

from superd.errors import ControlError
from superd.ipc import launch_codec as messages
from superd.ipc import launcher_control as orders
from superd.ipc.running_table import RunningTable
from superd.launcher import retries
from superd.launcher.children import Children
from superd.launcher.commands import NEVER, Commands, signal_program
from superd.launcher.front_end import FrontEnd
from superd.launcher.groups import Groups
from superd.launcher.identity import Limits, become, close_inside, outlive_parent, reset_signals, say
from superd.launcher.leftovers import Leftovers, inherit_orphans
from superd.launcher.lingering import Copies
from superd.launcher.programs import Programs
from superd.launcher.starts import Starts
from superd.system.closing import let_all_go
from superd.system.descriptors import close_on_exec
from superd.system.outside import open_null
from superd.system.program_group import Group
from superd.system.spawn import choose_spawn

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import NoReturn

    from superd.launcher.bequests import Bequests
    from superd.system.sandboxing import Sandboxing
    from superd.system.spawn import Spawn

KILL_GRACE, PAUSE = 5.0, 0.05
"""Seconds between SIGTERM and SIGKILL where no master is left, and between two looks then."""
IDLE = 300.0
"""Seconds without a program after which a launcher ends: 5 MiB less, and the next one starts in 40 ms."""
MESSAGES_A_PASS = 4
"""Messages of the front between two sweeps for programs that ended."""
LOOK_SECONDS = 0.002
"""Between two looks at what is due while one message follows another: the look costs as much as half a start."""

_set_signal = _signal.signal
_SIGCHLD, _SIG_DFL = int(signal.SIGCHLD), int(signal.SIG_DFL)


class Launcher:
    """The process's whole state."""

    def __init__(self, control: socket.socket, limits: Limits, spawn: Spawn) -> None:
        control.setblocking(False)
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._programs = Programs(spawn, limits)
        self._front = FrontEnd(self._poll, self._programs, self._front_dropped)
        # Under a program's RLIMIT_CPU for the time of its start, this process may get the signal that it used more.
        signal.signal(signal.SIGXCPU, _nothing)
        self._look_at = 0.0
        self._grace: float | None = None
        """Seconds that programs have once the master is gone, if they are to be ended then."""
        self._table = RunningTable()
        self._copies = Copies(self._poll)
        self._leftovers = Leftovers(self._table.free)
        self._bequests: Bequests | None = None
        self._groups = Groups(functools.partial(orders.send_complaint, control))
        self._commands = Commands(self._programs, self._front)
        self._children = Children(
            self._programs, self._front, self._groups, self._commands, self._table, self._copies, self._leftovers
        )
        self._running = self._children.of_pid
        self._starts = Starts(
            self._programs, self._front, self._groups, self._children, self._table, self._copies, self._on_control
        )
        self._waiting = self._starts.waiting
        self._wakeup, wakeup_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wakeup, select.POLLIN)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve until the master is gone, or nothing has been asked for so long that it is not worth its memory."""
        self._serve()
        if self._grace is not None:
            self._end_programs(self._grace)
        self._leftovers.end_now(self._running, self._commands)
        if self._bequests is not None:
            self._bequests.end_now()
        self._groups.end_now()

    def _end_programs(self, grace: float) -> None:
        """Let programs end by themselves for ``grace`` seconds, then end them: no master and no front does it."""
        for number, seconds in ((0, grace), (signal.SIGTERM, KILL_GRACE), (signal.SIGKILL, KILL_GRACE)):
            for pid in (*self._running,) if number else ():
                signal_program(pid, number)
            until = time.monotonic() + seconds
            while self._running and time.monotonic() < until:
                time.sleep(PAUSE)
                self._children.reap()
                self._front.reports.clear()

    def _serve(self) -> None:
        control = self._control.fileno()
        while True:
            ready = self._wait()
            if not ready and self._idle and self._front.fileno >= 0 and not self._front.unsent:
                return  # what arrives just now stays in the pair, and the master starts another for it
            for fd, _ in ready:
                if fd == control:
                    if not self._on_control():
                        return
                elif fd == self._wakeup:
                    os.read(self._wakeup, 4096)
                elif fd == self._front.fileno:
                    self._front.blocked = False
                    if not self._on_front():
                        return
                else:
                    self._copies.on_ready(fd)
            self._children.reap()
            now = time.monotonic()
            if not ready or now >= self._look_at:
                self._look_at = now + LOOK_SECONDS
                if self._due() <= now:
                    self._on_time(now)
            if self._groups:
                self._groups.send()
            self._front.send()
            self._front.set_interest(full=self._waiting.full)

    def _wait(self) -> list[tuple[int, int]]:
        ready = self._poll.poll(0)
        if ready:
            return ready
        if self._idle:
            return self._poll.poll(min(IDLE, max(0.0, self._front.due - time.monotonic())) * 1000)
        timeout = self._timeout()
        if not self._running and not self._commands and not self._leftovers.processes:
            return self._poll.poll(timeout)
        # SIGCHLD stays at its default while there is work: no signal is queued, one sweep a batch finds all. A handler
        # stands only while we sleep with children alive (20 µs a connection less than one that stands always).
        _set_signal(_SIGCHLD, _nothing)
        try:
            self._children.reap()
            if self._front.can_send or self._leftovers.changed:
                return ready
            return self._poll.poll(timeout)
        finally:
            _set_signal(_SIGCHLD, _SIG_DFL)

    @property
    def _idle(self) -> bool:
        busy = self._running or self._commands or self._waiting or self._copies or self._leftovers or self._groups
        return not (busy or self._bequests)

    def _due(self) -> float:
        """Return when ``_on_time`` has something to do (monotonic seconds)."""
        due = min(self._leftovers.due, self._waiting.due, self._commands.due, self._groups.due)
        if self._bequests:
            due = min(due, self._bequests.due)
        return min(due, self._copies.due) if self._copies else due

    def _timeout(self) -> float | None:
        due = min(self._due(), self._front.due)
        return None if due == NEVER else max(0.0, due - time.monotonic()) * 1000 + 1

    # ------------------------------------------------------------------ the master

    def _on_control(self) -> bool:
        """Obey all that the master has sent; False when it is gone."""
        while True:
            try:
                order = orders.receive_order(self._control)
            except BlockingIOError:
                return True
            if order is None:
                return False
            word, text, fds = order
            if word == orders.FRONT:
                self._front.take(socket.socket(fileno=fds[0]))
            elif word == orders.OUTLIVE:
                grace = orders.read_grace(fds[0])
                self._grace = grace if grace >= 0 else None
                outlive_parent()
                orders.send_complaint(self._control, orders.OUTLIVE, "")
            elif word == orders.CONFIGURATION:
                self._grace = None
                now = time.monotonic()
                self._programs.configure(*orders.read_configuration(fds[0]), now)
                self._groups.configure(self._programs.groups(), now)
            elif word == orders.TABLE:
                self._table.use(fds[0])
            elif word == orders.BEQUEST:
                from superd.launcher.bequests import taken  # where no launcher dies, none has its code in memory

                self._bequests = taken(self._bequests, fds[0], self._programs)
            elif word == orders.GROUP:
                index, _, number = text.partition(b" ")
                self._groups.add(int(index), Group(int(number), *fds))
                self._waiting.hurry()

    def _front_dropped(self, why: str) -> None:
        orders.send_complaint(self._control, orders.DROPPED, why)

    def _distrust_front(self, problem: ControlError) -> None:
        """The rest of what it says is not looked at; the master replaces it. What runs, runs on."""
        self._front.drop()
        orders.send_complaint(self._control, orders.BROKEN, str(problem))

    # ------------------------------------------------------------------ the front

    def _on_front(self) -> bool:
        """Obey some messages; False when the master turned out to be gone."""
        for number in range(MESSAGES_A_PASS):
            if self._waiting.full or self._front.full:
                break
            left: list[int] = []
            try:
                message = self._front.receive()
                if message is None:
                    break
                data, left, lost = message
                left.reverse()
                if number and not self._on_control():
                    return False  # what came since poll(2) may be asked for by a service that the master changed before
                if not self._obey(data, left, lost=lost):
                    return False
            except ControlError as problem:
                self._distrust_front(problem)
            finally:
                let_all_go(left)
        return True

    def _obey(self, data: bytes, left: list[int], *, lost: bool) -> bool:
        if not data:
            raise ControlError("end of file")
        requests = messages.parse_requests(data)
        launches = sum([type(request) is messages.Launch for request in requests])
        if launches != len(left) and not (lost and launches > len(left)):
            raise ControlError("descriptors and launches do not agree")
        now = time.monotonic()
        asked: messages.List | None = None
        for request in requests:
            if type(request) is messages.Launch:
                # Lost: this process ran out of descriptors, which is not the front's doing.
                fd = left.pop() if left else -1
                if fd < 0:
                    self._starts.failed(request.conn, errno.EMFILE, "superd's launcher")
                elif not self._starts.launch(request, fd, retries.FIRST, now, now):
                    return False
            elif type(request) is messages.RunCommand:
                self._commands.start(request, now)
            elif type(request) is messages.Signal:
                self._signal(request)
            elif type(request) is messages.List:
                asked = request
        if asked is not None:  # once a message, or a few bytes could ask for the list a thousand times
            self._list(asked.number)
        return True

    def _signal(self, request: messages.Signal) -> None:
        if not self._children.signal(request.conn, request.signal):
            self._starts.give_up(request.conn)

    def _list(self, number: int) -> None:
        self._children.list()
        self._starts.list()
        self._leftovers.changed.update(self._leftovers.kept)
        self._report_kept()
        self._front.reports.append(messages.encode_report(messages.Listed(number)))
        self._programs.pipes.send_all()

    # ------------------------------------------------------------------ time

    def _on_time(self, now: float) -> None:
        try:
            self._starts.try_again(now)
        except ControlError as problem:
            self._distrust_front(problem)
        self._commands.on_time(now)
        self._groups.on_time(now)
        if self._copies:
            self._copies.on_time(now)
        if self._bequests is not None:
            self._bequests.on_time(now)
        if self._leftovers.due <= now:
            self._leftovers.on_time(now, self._children.of_pid, self._commands)
        self._report_kept()

    def _report_kept(self) -> None:
        leftovers = self._leftovers
        for service in leftovers.changed:
            self._front.reports.append(messages.encode_report(messages.Kept(service, leftovers.kept.get(service, 0))))
        leftovers.changed.clear()


def _nothing(*_: object) -> None:
    """Wakes poll(2) through the wakeup descriptor."""


def _sandboxing(plan: str) -> Sandboxing | None:
    if not plan:
        return None
    import json

    from superd.system.sandboxing import Sandboxing  # most launchers have none, and do not pay for its code

    return Sandboxing(json.loads(plan))


def main() -> NoReturn:
    """Entry: argv is the control descriptor and what to become, as ``identity_text`` made it."""
    reset_signals()
    close_on_exec()
    number = int(sys.argv[1])
    control = socket.socket(fileno=os.dup(number) if number < 3 else number)
    null = open_null()
    for low in (0, 1):
        os.dup2(null, low)
    os.close(null)
    os.chdir("/")
    try:
        profile = orders.parse_identity(sys.argv[2])
        sandboxing = _sandboxing(profile["sandbox"])
        limits = become(profile, sandboxing)
        close_inside()
        inherit_orphans()
    except OSError as problem:
        say(str(problem))
        os._exit(os.EX_NOPERM)
    Launcher(control, limits, choose_spawn() if sandboxing is None else sandboxing.spawn()).run()
    os._exit(0)
