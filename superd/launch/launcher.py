"""The launcher: a small process that became one identity for good and starts programs as it. Standard library only.

It is told its services once by the master, over the control socket, and then takes requests from the front: a request
names a service, never a command. It reaps what it started and reports. When the front dies it waits for the next one;
when the master dies it ends, and the programs live on.
"""

from __future__ import annotations

import array
import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from superd.errors import ControlError
from superd.expansion import ExpansionTooLong, Values, expand_shell, hook_environment
from superd.launch.environment import connection_environment
from superd.launch.spawn import choose_spawn
from superd.wire import launch_message as messages

RETRY_FIRST, RETRY_LAST, RETRY_TOTAL = 0.05, 1.0, 10.0
"""Seconds between tries to fork when the kernel says EAGAIN or ENOMEM, and how long a connection is kept for them."""
HOOKS_AT_ONCE = 64
MAX_CONTROL = 1 << 20

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM})
_SHELL = (b"/bin/sh",)


class Child:
    """A program that runs: whose it is, since when, and for a hook its number and deadline."""

    __slots__ = ("conn", "deadline", "hook", "service", "source", "started")

    def __init__(self, conn: int, service: str, source: str, hook: int = -1, deadline: float = 0.0) -> None:
        self.conn = conn
        self.service = service
        self.source = source
        self.started = time.monotonic()
        self.hook = hook
        self.deadline = deadline


class Spec:
    """One service as it is started: bytes, ready for fork_exec."""

    __slots__ = ("argv", "env", "paths", "pipe", "stderr_socket", "umask", "wait")

    def __init__(self, message: dict[str, Any]) -> None:
        self.paths = (os.fsencode(message["program"]),)
        self.argv = [os.fsencode(word) for word in message["argv"]]
        self.env = [os.fsencode(f"{name}={value}") for name, value in message["env"]]
        self.umask: int = message["umask"]
        self.stderr_socket: bool = message["stderr_socket"]
        self.wait: bool = message["wait"]
        self.pipe: tuple[int, int] | None = None


def become(profile: dict[str, Any]) -> None:
    """Takes the identity on for good. Raises ``OSError`` when any part of it fails; then nothing may be started."""
    for number, value in profile["rlimits"]:
        limit = resource.RLIM_INFINITY if value < 0 else value
        hard = resource.getrlimit(number)[1]
        if os.geteuid() != 0 and hard != resource.RLIM_INFINITY and (limit < 0 or limit > hard):
            limit = hard
        resource.setrlimit(number, (limit, limit))
    if profile["nice"]:
        os.setpriority(os.PRIO_PROCESS, 0, profile["nice"])
    uid, gid = profile["uid"], profile["gid"]
    if uid >= 0:
        os.setgroups(profile["groups"])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
            raise PermissionError("the identity was not taken on")
        if sorted(os.getgroups()) != sorted(profile["groups"]):
            raise PermissionError("the groups were not taken on")
    libc = ctypes.CDLL(None, use_errno=True)
    # After setresuid, which clears both (prctl(2)). Not dumpable: a service of the same uid cannot ptrace us.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class Launcher:
    """The process's whole state."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._front: socket.socket | None = None
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._specs: dict[str, Spec] = {}
        self._hooks: dict[str, tuple[str, str]] = {}
        self._children: dict[int, Child] = {}
        self._by_conn: dict[int, int] = {}
        self._reports: list[str] = []
        self._report_fds: list[int] = []
        self._waiting: list[tuple[float, float, messages.Launch, int]] = []
        self._spawn = choose_spawn()
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._wakeup, wakeup_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wakeup, select.POLLIN)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serves until the master is gone."""
        while True:
            ready = self._wait()
            for fd, _ in ready:
                if fd == self._control.fileno():
                    if not self._on_control():
                        return
                elif self._front is not None and fd == self._front.fileno():
                    self._on_front()
                elif fd == self._wakeup:
                    os.read(self._wakeup, 4096)
            self._reap()
            self._on_time()
            self._send_reports()

    def _wait(self) -> list[tuple[int, int]]:
        timeout = self._timeout()
        ready = self._poll.poll(0)
        if ready or not self._children:
            return ready or self._poll.poll(timeout)
        # SIGCHLD stays at its default while there is work: no signal is queued, one sweep a batch finds all. A handler
        # stands only while we sleep with children alive (measured: 20 µs a connection less than one that stands always).
        signal.signal(signal.SIGCHLD, _nothing)
        try:
            self._reap()
            if self._reports:
                return self._poll.poll(0)
            return self._poll.poll(timeout)
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def _timeout(self) -> float | None:
        due = [entry[0] for entry in self._waiting]
        due += [child.deadline for child in self._children.values() if child.deadline] if self._hooks else []
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None

    # ------------------------------------------------------------------ the master

    def _on_control(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, 64, 2, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return False
        if data == b"F":
            self._take_front(socket.socket(fileno=fds[0]))
        elif data == b"C":
            with open(fds[0], "rb") as file:
                file.seek(0)
                message = json.load(file)
            for name, spec in message["specs"].items():
                fresh = Spec(spec)
                old = self._specs.get(name)
                if old is not None:
                    fresh.pipe = old.pipe
                self._specs[name] = fresh
            # Kept beside the new ones: a connection that is on its way was decided by the old policy.
            self._hooks = {**dict(list(self._hooks.items())[-4096:]), **message["hooks"]}
        return True

    def _take_front(self, front: socket.socket) -> None:
        self._drop_front()
        front.setblocking(False)
        self._front = front
        self._poll.register(front, select.POLLIN)
        for name, spec in self._specs.items():
            if spec.pipe is not None:
                self._tell_pipe(name, spec)

    def _drop_front(self) -> None:
        if self._front is not None:
            self._poll.unregister(self._front)
            self._front.close()
            self._front = None

    # ------------------------------------------------------------------ the front

    def _on_front(self) -> None:
        assert self._front is not None
        fds = array.array("i")
        try:
            data, ancillary, flags, _ = self._front.recvmsg(
                messages.MAX_MESSAGE + 1,
                socket.CMSG_SPACE((messages.MAX_LAUNCHES + 1) * fds.itemsize),
                socket.MSG_CMSG_CLOEXEC,
            )
        except BlockingIOError:
            return
        except OSError:
            data, ancillary, flags = b"", [], 0
        for _, _, payload in ancillary:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        left = list(fds)
        try:
            if not data:
                self._drop_front()
                return
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(data) > messages.MAX_MESSAGE:
                raise ControlError("message is too long")
            requests = messages.parse_requests(data)
            if sum(isinstance(request, messages.Launch) for request in requests) != len(left):
                raise ControlError("descriptors and launches do not agree")
            for request in requests:
                if isinstance(request, messages.Launch):
                    self._launch(request, left.pop(0), RETRY_FIRST, time.monotonic() + RETRY_TOTAL)
                elif isinstance(request, messages.Hook):
                    self._hook(request)
                elif isinstance(request, messages.Signal):
                    self._signal(request)
                else:
                    self._list()
        except ControlError as problem:
            # The rest of the batch is not looked at; the master replaces a front that sends such. What runs, runs on.
            self._control.send(b"X" + str(problem).encode()[:200])
        finally:
            for fd in left:
                os.close(fd)

    def _launch(self, request: messages.Launch, fd: int, pause: float, until: float) -> None:
        spec = self._specs.get(request.service)
        if spec is None:
            os.close(fd)
            self._reports.append(messages.encode_report(messages.Failed(request.conn, errno.ENOENT, request.service)))
            return
        try:
            pid = self._start(spec, request, fd)
        except ExpansionTooLong as problem:
            os.close(fd)
            self._reports.append(messages.encode_report(messages.Failed(request.conn, errno.E2BIG, str(problem))))
        except OSError as problem:
            if problem.errno in _TRANSIENT and time.monotonic() < until:
                self._waiting.append((time.monotonic() + pause, until, request, fd))
                return
            os.close(fd)
            program = os.fsdecode(spec.paths[0])
            self._reports.append(messages.encode_report(messages.Failed(request.conn, problem.errno or errno.EIO, program)))
        else:
            os.close(fd)
            self._children[pid] = Child(request.conn, request.service, request.remote_host)
            self._by_conn[request.conn] = pid
            self._reports.append(f'["B",{request.conn},{pid}]')

    def _start(self, spec: Spec, request: messages.Launch, fd: int) -> int:
        # The one place where a socket is handed to a program: trio's are non-blocking, and `cat` dies of that.
        os.set_blocking(fd, True)
        env = spec.env + connection_environment(request)
        if spec.stderr_socket:
            stderr = fd
        else:
            if spec.pipe is None:
                self._open_pipe(request.service, spec)
            assert spec.pipe is not None
            stderr = spec.pipe[1]
        if not request.steps:
            return self._spawn(spec.paths, spec.argv, env, fd, stderr, spec.umask)
        return self._start_by_rule(spec, request, fd, stderr, env)

    def _start_by_rule(self, spec: Spec, request: messages.Launch, fd: int, stderr: int, env: list[bytes]) -> int:
        """The program under options of the policy rule; the rule's texts are this process's own copies."""
        values = request.values or Values()
        paths: tuple[bytes, ...] = spec.paths
        argv, umask, nice = spec.argv, spec.umask, 0
        for digest in request.steps:
            option = self._hooks.get(digest)
            if option is None:
                raise ControlError("a rule's option is not known")
            name, text = option
            if name == "setenv":
                variable, _, value = text.partition(" ")
                prefix = os.fsencode(variable + "=")
                env = [item for item in env if not item.startswith(prefix)]
                env.append(prefix + os.fsencode(expand_shell(value.strip(), values)))
            elif name == "umask":
                umask = int(text, 8)
            elif name == "nice":
                nice = int(text or "10")
            elif name == "twist":
                command = os.fsencode(expand_shell(text, values))
                paths, argv, stderr = _SHELL, [b"sh", b"-c", command], fd
                env = env + _hook_env(values)
        if nice > 0:
            argv = [b"nice", b"-n", b"%d" % nice, *paths, *argv[1:]]
            paths = (b"/usr/bin/nice", b"/bin/nice")
        return self._spawn(paths, argv, env, fd, stderr, umask)

    def _hook(self, request: messages.Hook) -> None:
        option = self._hooks.get(request.digest)
        if option is None or option[0] not in ("spawn", "aclexec"):
            raise ControlError("a hook is not known")
        running = sum(child.hook >= 0 for child in self._children.values())
        status = -1
        if running < HOOKS_AT_ONCE:
            try:
                command = os.fsencode(expand_shell(option[1], request.values))
                pid = self._spawn(_SHELL, [b"sh", b"-c", command], _hook_env(request.values), self._null, self._null, 0o022)
            except (OSError, ExpansionTooLong):
                pass
            else:
                deadline = time.monotonic() + request.seconds
                self._children[pid] = Child(-1, "", "", request.hook, deadline)
                return
        self._reports.append(messages.encode_report(messages.HookDone(request.hook, status)))

    def _signal(self, request: messages.Signal) -> None:
        pid = self._by_conn.get(request.conn)
        if pid is None or request.signal not in (signal.SIGTERM, signal.SIGKILL):
            return
        try:
            os.killpg(pid, request.signal)
        except (ProcessLookupError, PermissionError):
            pass  # it ended meanwhile, or became somebody else by a set-uid program

    def _list(self) -> None:
        for pid, child in self._children.items():
            if child.hook < 0:
                self._reports.append(messages.encode_report(messages.Living(child.conn, child.service, pid, child.source)))

    # ------------------------------------------------------------------ what programs write to fd 2

    def _open_pipe(self, name: str, spec: Spec) -> None:
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read, False)
        # The read end stays here too: without a front a program that writes must not die of SIGPIPE.
        spec.pipe = (read, write)
        self._tell_pipe(name, spec)

    def _tell_pipe(self, name: str, spec: Spec) -> None:
        assert spec.pipe is not None
        self._reports.append(messages.encode_report(messages.StderrPipe(name)))
        self._report_fds.append(spec.pipe[0])

    # ------------------------------------------------------------------ children and time

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._children.clear()
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            if child.hook >= 0:
                code = os.waitstatus_to_exitcode(status)
                self._reports.append(messages.encode_report(messages.HookDone(child.hook, code if code >= 0 else 128 - code)))
                continue
            if self._by_conn.get(child.conn) == pid:
                del self._by_conn[child.conn]
            lived = time.monotonic() - child.started
            self._reports.append(
                f'["E",{child.conn},{json.dumps(child.service)},{pid},{status},{usage.ru_utime:.6f},'
                f"{usage.ru_stime:.6f},{usage.ru_maxrss},{lived:.6f}]"
            )

    def _on_time(self) -> None:
        if self._waiting:
            now = time.monotonic()
            due = [entry for entry in self._waiting if entry[0] <= now]
            self._waiting = [entry for entry in self._waiting if entry[0] > now]
            for _, until, request, fd in due:
                self._launch(request, fd, min(RETRY_LAST, max(RETRY_FIRST, until - now)), until)
        for pid, child in self._children.items():
            if child.deadline and time.monotonic() >= child.deadline:
                child.deadline = 0.0
                try:
                    os.killpg(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it ended between the sweep and now

    def _send_reports(self) -> None:
        while self._reports and self._front is not None:
            count, size = 0, 0
            fds: list[int] = []
            while count < len(self._reports) and count < 256 and size < messages.MAX_MESSAGE - 2048:
                record = self._reports[count]
                if record.startswith('["P"'):
                    if len(fds) == 16:
                        break
                    fds.append(self._report_fds[len(fds)])
                size += len(record) + 1
                count += 1
            data = messages.batch(self._reports[:count])
            try:
                if fds:
                    socket.send_fds(self._front, [data], fds)
                else:
                    self._front.send(data)
            except BlockingIOError:
                # The front is busy. What is not sent now goes with the next batch; nothing is dropped.
                self._poll.modify(self._front, select.POLLIN | select.POLLOUT)
                return
            except OSError:
                self._drop_front()
                return
            del self._reports[:count]
            del self._report_fds[: len(fds)]
        if self._front is not None:
            self._poll.modify(self._front, select.POLLIN)


def _hook_env(values: Values) -> list[bytes]:
    path = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [path, *(f"{name}={value}".encode() for name, value in hook_environment(values).items())]


def _nothing(*_: object) -> None:
    """Wakes poll(2) through the wakeup descriptor."""


def main() -> NoReturn:
    """Entry: argv is the control descriptor and the profile as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                continue  # a number the C library keeps to itself
    # The terminal's Ctrl-C and Ctrl-\ are the master's to answer; fork_exec sets them back for the programs.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir("/")
    try:
        become(json.loads(sys.argv[2]))
    except OSError as problem:
        print(f"superd launcher: {problem}", file=sys.stderr)  # noqa: T201 - there is no front yet to tell
        os._exit(77)  # EX_NOPERM
    Launcher(control).run()
    os._exit(0)
