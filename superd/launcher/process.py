"""The launcher: a small process that became one identity for good and starts programs as it. Standard library only.

It is told its services by the master, over the control socket, and takes requests from the front: a request names a
service, never a command. It reaps what it started and reports. When the front dies it serves the next one; when the
master dies it ends, and the programs live on. A message that is not in the closed table ends that front's connection.
"""

from __future__ import annotations

import array
import errno
import json
import os
import select
import signal
import socket
import sys
import time

from superd.errors import ControlError
from superd.expansion import ExpansionTooLong
from superd.ipc import launch_codec as messages
from superd.launcher.identity import Limits, become, close_inside, close_on_exec, reset_signals, say
from superd.launcher.programs import Programs
from superd.system.spawn import choose_spawn

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import NoReturn

RETRY_FIRST, RETRY_LAST, RETRY_TOTAL = 0.05, 1.0, 10.0
"""Seconds between tries to start when the kernel has no room, doubling, and how long a connection is kept for them."""
MAX_WAITING = 128
"""Connections kept for a retry; from here on requests stay in the socket's buffer, which pushes back on accept."""
MAX_REPORTS = 4096
"""Reports a front may leave unread before its requests are left unread too."""
IDLE = 300.0
"""Seconds without a program after which a launcher ends: 5 MiB less, and the next one starts in 40 ms."""
MESSAGES_A_PASS = 4
"""Messages of the front between two sweeps for programs that ended."""
HOOKS_AT_ONCE = 128
"""As many as may be waited for (``policy.hooks_at_once``), and as many that nobody waits for."""
EX_NOPERM = 77

_TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_MSG_TRUNC, _MSG_CTRUNC = int(socket.MSG_TRUNC), int(socket.MSG_CTRUNC)
_SOL_SOCKET, _SCM_RIGHTS, _CLOEXEC = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS), int(socket.MSG_CMSG_CLOEXEC)
"""Plain numbers: an operation on socket's enums costs a microsecond."""
_PIPES_A_MESSAGE = 16
_RECORDS_A_MESSAGE = 256


class Child:
    """A program that runs: whose connection it serves, of which service, for whom, since when (monotonic seconds)."""

    __slots__ = ("conn", "service", "source", "started")

    def __init__(self, conn: int, service: str, source: str, started: float) -> None:
        self.conn = conn
        self.service = service
        self.source = source
        self.started = started


class Launcher:
    """The process's whole state."""

    def __init__(self, control: socket.socket, limits: Limits) -> None:
        control.setblocking(False)
        self._control = control
        self._front: socket.socket | None = None
        self._front_events = 0
        self._blocked = False
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._programs = Programs(choose_spawn(), limits)
        # Under a program's RLIMIT_CPU for the time of its start, this process may be told that it used more.
        signal.signal(signal.SIGXCPU, _nothing)
        self._children: dict[int, Child] = {}
        self._by_conn: dict[int, int] = {}
        self._hooks: dict[int, tuple[int, float]] = {}
        """pid → the front's number of a running hook, and when it is killed; 0.0 once that is done."""
        self._waiting: list[tuple[float, float, float, messages.Launch, int]] = []
        """(when next, then after how long again, until when, request, its socket)."""
        # The first word to every front: what an earlier launcher started is not known here.
        self._reports: list[str] = [messages.encode_report(messages.Fresh())]
        self._wakeup, wakeup_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wakeup, select.POLLIN)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serves until the master is gone, or nothing has been asked for so long that it is not worth its memory."""
        control = self._control.fileno()
        while True:
            ready = self._wait()
            if not ready and self._idle and self._front is not None and not self._reports:
                return  # what arrives just now stays in the pair, and the master starts another for it
            for fd, _ in ready:
                if fd == control:
                    if not self._on_control():
                        return
                elif fd == self._wakeup:
                    os.read(self._wakeup, 4096)
                elif self._front is not None and fd == self._front.fileno():
                    self._blocked = False
                    if not self._on_front():
                        return
            self._reap()
            if self._waiting or self._hooks:
                self._on_time(time.monotonic())
            self._send_reports()
            self._set_interest()

    def _wait(self) -> list[tuple[int, int]]:
        ready = self._poll.poll(0)
        if ready:
            return ready
        if self._idle:
            return self._poll.poll(IDLE * 1000)
        timeout = self._timeout() if self._waiting or self._hooks else None
        if not self._children and not self._hooks:
            return self._poll.poll(timeout)
        # SIGCHLD stays at its default while there is work: no signal is queued, one sweep a batch finds all. A handler
        # stands only while we sleep with children alive (20 µs a connection less than one that stands always).
        signal.signal(signal.SIGCHLD, _nothing)
        try:
            self._reap()
            if self._reports and not self._blocked and self._front is not None:
                return ready
            return self._poll.poll(timeout)
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    @property
    def _idle(self) -> bool:
        return not (self._children or self._hooks or self._waiting)

    def _timeout(self) -> float | None:
        due = [entry[0] for entry in self._waiting]
        due += [deadline for _, deadline in self._hooks.values() if deadline]
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None

    # ------------------------------------------------------------------ the master

    def _on_control(self) -> bool:
        """Everything the master has said; False when it is gone."""
        while True:
            fds = array.array("i")
            try:
                # Not socket.recv_fds: it forgets its flags, and every program would hold the end that requests come from.
                data, ancillary, _, _ = self._control.recvmsg(64, socket.CMSG_SPACE(fds.itemsize), _CLOEXEC)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            if not data:
                return False
            for _, _, payload in ancillary:
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            if data == b"F":
                self._take_front(socket.socket(fileno=fds[0]))
            elif data == b"C":
                with open(fds[0], "rb") as file:
                    file.seek(0)
                    message = json.load(file)
                self._programs.configure(message["specs"], message["hooks"], time.monotonic())

    def _take_front(self, front: socket.socket) -> None:
        self._drop_front()
        front.setblocking(False)
        self._front, self._front_events, self._blocked = front, select.POLLIN, False
        self._poll.register(front, select.POLLIN)
        self._programs.tell_all_pipes()

    def _drop_front(self) -> None:
        if self._front is not None:
            if self._front_events:
                self._poll.unregister(self._front)
            self._front.close()
            self._front = None

    def _distrust_front(self, problem: ControlError) -> None:
        """The rest of what it says is not looked at; the master replaces it. What runs, runs on."""
        self._drop_front()
        try:
            self._control.send(b"X" + str(problem).encode()[:200])
        except OSError:
            pass  # the master is gone, which the loop sees, or has not read the last word of this kind yet

    # ------------------------------------------------------------------ the front

    def _on_front(self) -> bool:
        """Takes some messages; False when the master turned out to be gone."""
        for _ in range(MESSAGES_A_PASS):
            front = self._front
            if front is None or len(self._waiting) >= MAX_WAITING or len(self._reports) >= MAX_REPORTS:
                break
            fds = array.array("i")
            try:
                data, ancillary, flags, _ = front.recvmsg(
                    messages.MAX_MESSAGE + 1,
                    socket.CMSG_SPACE((messages.MAX_LAUNCHES + 1) * fds.itemsize),
                    _CLOEXEC,
                )
            except BlockingIOError:
                break
            except ConnectionResetError:
                data, ancillary, flags = b"", [], 0
            for level, kind, payload in ancillary:
                if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            left = fds.tolist()
            left.reverse()
            try:
                if not self._obey(data, flags, left):
                    return False
            except ControlError as problem:
                self._distrust_front(problem)
            finally:
                for fd in left:
                    os.close(fd)
        return True

    def _obey(self, data: bytes, flags: int, left: list[int]) -> bool:
        if not data:
            raise ControlError("end of file")
        if flags & _MSG_TRUNC or len(data) > messages.MAX_MESSAGE or len(left) > messages.MAX_LAUNCHES:
            raise ControlError("message is too long")
        requests = messages.parse_requests(data)
        launches = 0
        for request in requests:
            if type(request) is messages.Launch:
                launches += 1
        if launches != len(left) and not (flags & _MSG_CTRUNC and launches > len(left)):
            raise ControlError("descriptors and launches do not agree")
        now = time.monotonic()
        asked: messages.List | None = None
        for request in requests:
            if type(request) is messages.Launch:
                # Truncated: this process ran out of descriptors, which is not the front's doing.
                fd = left.pop() if left else -1
                if fd < 0:
                    self._failed(request.conn, errno.EMFILE, "superd's launcher")
                elif not self._launch(request, fd, RETRY_FIRST, now + RETRY_TOTAL, now):
                    return False
            elif type(request) is messages.Hook:
                self._hook(request, now)
            elif type(request) is messages.Signal:
                self._signal(request)
            elif type(request) is messages.List:
                asked = request
        if asked is not None:  # once a message, or a few bytes could ask for the list a thousand times
            self._list(asked.number)
        return True

    def _launch(self, request: messages.Launch, fd: int, pause: float, until: float, now: float) -> bool:
        """Starts a program for ``fd``, which is this function's. False when the master turned out to be gone."""
        spec = self._programs.spec(request.service, now)
        if spec is None:
            # Perhaps its message is waiting on the other socket: the master tells us before it tells the front.
            if not self._on_control():
                os.close(fd)
                return False
            spec = self._programs.spec(request.service, now)
        if spec is None:
            os.close(fd)
            self._failed(request.conn, errno.ENOENT, f"service {request.service}")
            return True
        try:
            pid = self._programs.start(spec, request, fd, now)
        except OSError as problem:
            if problem.errno in _TRANSIENT and now < until:
                self._waiting.append((min(now + pause, until), min(pause * 2, RETRY_LAST), until, request, fd))
                return True
            self._failed(request.conn, problem.errno or errno.EIO, os.fsdecode(spec.paths[0]))
        except ControlError:
            os.close(fd)
            raise
        except ValueError as problem:
            number = errno.E2BIG if isinstance(problem, ExpansionTooLong) else errno.EINVAL
            self._failed(request.conn, number, os.fsdecode(spec.paths[0]))
        else:
            self._children[pid] = Child(request.conn, request.service, request.remote_host, now)
            self._by_conn[request.conn] = pid
            self._reports.append(f'["B",{request.conn},{pid}]')
        os.close(fd)
        return True

    def _failed(self, conn: int, number: int, what: str) -> None:
        self._reports.append(messages.encode_report(messages.Failed(conn, number, what)))

    def _hook(self, request: messages.Hook, now: float) -> None:
        if len(self._hooks) < HOOKS_AT_ONCE:
            try:
                self._hooks[self._programs.run_command(request, now)] = (request.hook, now + request.seconds)
            except (OSError, ValueError):
                pass
            else:
                return
        self._reports.append(messages.encode_report(messages.HookDone(request.hook, -1)))

    def _signal(self, request: messages.Signal) -> None:
        pid = self._by_conn.get(request.conn)
        if pid is not None:
            _kill_group(pid, request.signal)

    def _list(self, number: int) -> None:
        for pid, child in self._children.items():
            living = messages.Living(child.conn, child.service, pid, child.source)
            self._reports.append(messages.encode_report(living))
        for _, _, _, request, _ in self._waiting:
            living = messages.Living(request.conn, request.service, 0, request.remote_host)
            self._reports.append(messages.encode_report(living))
        self._reports.append(messages.encode_report(messages.Listed(number)))
        self._programs.tell_all_pipes()

    # ------------------------------------------------------------------ children and time

    def _reap(self) -> None:
        children, reports = self._children, self._reports
        while children or self._hooks:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                # Cannot be while we hold their pids; if the kernel says so, it says it for good.
                children.clear()
                self._by_conn.clear()
                return
            if pid == 0:
                return
            child = children.pop(pid, None)
            if child is None:
                hook = self._hooks.pop(pid, None)
                if hook is not None:
                    code = os.waitstatus_to_exitcode(status)
                    reports.append(messages.encode_report(messages.HookDone(hook[0], code if code >= 0 else 128 - code)))
                continue
            if self._by_conn.get(child.conn) == pid:
                del self._by_conn[child.conn]
            self._programs.ended(child.service)
            reports.append(
                messages.encode_exited(
                    child.conn, child.service, pid, status, usage.ru_utime, usage.ru_stime, usage.ru_maxrss,
                    time.monotonic() - child.started,
                )
            )  # fmt: skip

    def _on_time(self, now: float) -> None:
        if self._waiting:
            due = [entry for entry in self._waiting if entry[0] <= now]
            if due:
                self._waiting = [entry for entry in self._waiting if entry[0] > now]
            for index, (_, pause, until, request, fd) in enumerate(due):
                try:
                    self._launch(request, fd, pause, until, now)
                except ControlError as problem:
                    self._distrust_front(problem)
                    self._waiting += due[index + 1 :]
                    break
        for pid, (number, deadline) in self._hooks.items():
            if deadline and now >= deadline:
                self._hooks[pid] = (number, 0.0)
                _kill_group(pid, signal.SIGKILL)

    # ------------------------------------------------------------------ reports

    def _send_reports(self) -> None:
        front, reports = self._front, self._reports
        if front is None or self._blocked:
            return
        try:
            while self._programs.untold:
                self._send_pipes(front)
            while reports:
                count, size = 0, 0
                for record in reports:
                    size += len(record) + 1
                    if count == _RECORDS_A_MESSAGE or size >= messages.MAX_MESSAGE:
                        break
                    count += 1
                front.send(messages.batch(reports[:count]))
                del reports[:count]
        except BlockingIOError:
            # The front is busy. What is not sent goes when the socket takes it; nothing is dropped.
            self._blocked = True
        except OSError:
            self._drop_front()

    def _send_pipes(self, front: socket.socket) -> None:
        names = list(self._programs.untold)[:_PIPES_A_MESSAGE]
        told = [(name, fd) for name in names if (fd := self._programs.pipe_of(name)) >= 0]
        if told:
            data = messages.batch([messages.encode_report(messages.StderrPipe(name)) for name, _ in told])
            socket.send_fds(front, [data], [fd for _, fd in told])
        for name in names:
            del self._programs.untold[name]

    def _set_interest(self) -> None:
        if self._front is None:
            return
        full = len(self._waiting) >= MAX_WAITING or len(self._reports) >= MAX_REPORTS
        events = (0 if full else select.POLLIN) | (select.POLLOUT if self._blocked else 0)
        if events == self._front_events:
            return
        self._front_events = events
        if events:
            self._poll.register(self._front, events)
        else:
            self._poll.unregister(self._front)  # else a hang-up, which is always told, would keep us awake


def _kill_group(pid: int, number: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, number)
        except ProcessLookupError:
            continue  # it left its group, or ended since the last sweep
        except PermissionError:
            pass  # it became somebody else by a set-uid program
        return


def _nothing(*_: object) -> None:
    """Wakes poll(2) through the wakeup descriptor."""


def main() -> NoReturn:
    """Entry: argv is the control descriptor (0 as ``starter`` has it) and the profile as JSON."""
    reset_signals()
    close_on_exec()
    number = int(sys.argv[1])
    control = socket.socket(fileno=os.dup(number) if number < 3 else number)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for low in (0, 1):
        os.dup2(null, low)
    os.close(null)
    os.chdir("/")
    try:
        limits = become(json.loads(sys.argv[2]))
        close_inside()
    except OSError as problem:
        say(str(problem))
        os._exit(EX_NOPERM)
    Launcher(control, limits).run()
    os._exit(0)
