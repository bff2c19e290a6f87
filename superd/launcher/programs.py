"""A launcher's own copies of what may be started, and the starting itself. Sends and reaps nothing.

A request names a service and options of policy rules by digest. Their argv, environment and command texts are here, as
the master gave them; of a request only values become part of a command, and they are defused again.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Mapping

from superd.expansion import Values, command_environment, expand_shell, split_variable, without_ampersand
from superd.ipc.launch_codec import Launch, RunCommand
from superd.ipc.launcher_control import RETIRED_SECONDS
from superd.launcher.environment import connection_environment, unix_environment
from superd.launcher.identity import Limits, apply_limits
from superd.launcher.lingering import Habit
from superd.launcher.stderr_pipes import StderrPipes
from superd.launcher.stdio import close_ends, open_standard, take_terminal
from superd.system.outside import open_null

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

    from superd.launcher.stdio import Ends
    from superd.system.program_group import Group
    from superd.system.spawn import Before, Spawn

PATH = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_SHELL = (b"/bin/sh",)
_ON_COMMAND = frozenset({"spawn", "aclexec"})


class Spec:
    """One service as it is started: bytes, ready for fork_exec."""

    __slots__ = (
        "argv", "env", "folder", "grace", "group", "habit", "index", "key", "paths", "stderr_socket", "stdio", "umask", "until",
    )  # fmt: skip

    def __init__(self, message: Mapping[str, Any]) -> None:
        # Not the message itself: a thousand services are three megabytes of texts that are not read again.
        self.key = key_of(message)
        self.paths = (os.fsencode(message["program"]),)
        self.argv = [os.fsencode(word) for word in message["argv"]]
        self.env = _shared(tuple(os.fsencode(f"{name}={value}") for name, value in message["env"]))
        self.umask: int = message["umask"]
        # None for the launcher's own, which is the root: chdir(2) costs each start a microsecond.
        folder = message.get("directory", "/")
        self.folder = None if folder == "/" else os.fsencode(folder)
        self.stderr_socket: bool = message["stderr_socket"]
        self.stdio: str = message.get("stdio", "socket")
        self.index: int = message["index"]
        """The master's number of the service, for the table of programs."""
        self.grace: float = message["leftovers_grace"]
        self.group: str = message.get("group", "")
        """What tells the limits of its groups of processes apart; empty: its programs have none."""
        self.habit = Habit()
        self.until = 0.0


_known: dict[tuple[bytes, ...], list[bytes]] = {}


def _shared(env: tuple[bytes, ...]) -> list[bytes]:
    """One list for all services with this environment. It never changes: what a connection adds makes another."""
    if len(_known) > 4096:
        _known.clear()
    return _known.setdefault(env, list(env))


def key_of(message: Mapping[str, Any]) -> int:
    """Return what tells two messages of the master apart: 64 bits of a keyed hash, of what root alone writes."""
    return hash(repr(sorted(message.items())))


class Programs:
    """Services and options by their names, and the pipes of those that write their fd 2 to the log."""

    def __init__(self, spawn: Spawn, limits: Limits) -> None:
        self._spawn = spawn
        self._limits = limits
        self._specs: dict[str, Spec] = {}
        self._options: dict[str, tuple[str, str]] = {}
        self._retired: dict[str, float] = {}
        self._null = open_null()
        self.pipes = StderrPipes()
        self.ends: list[tuple[int, Ends]] = []
        """Connection → the other ends of its program's pipes or terminal, which the front does not have yet."""

    # ------------------------------------------------------------------ what the master says

    def configure(self, specs: Mapping[str, Mapping[str, Any]], options: Mapping[str, list[str]], now: float) -> None:
        """Takes the new copies over; what is gone stays for ``RETIRED_SECONDS``."""
        known = self._specs
        for name, message in specs.items():
            old = known.get(name)
            if old is not None and old.key == key_of(message):
                old.until = 0.0
                continue
            fresh = known[name] = Spec(message)
            if old is not None:
                fresh.habit = old.habit
        for name, spec in list(known.items()):
            if name in specs:
                continue
            if not spec.until:
                spec.until = now + RETIRED_SECONDS
            elif spec.until <= now:
                self.pipes.forget(name)
                del known[name]
        for digest in self._options.keys() - options.keys():
            if self._retired.setdefault(digest, now + RETIRED_SECONDS) <= now:
                del self._options[digest], self._retired[digest]
        for digest, (name, text) in options.items():
            self._options[digest] = (name, text)
            self._retired.pop(digest, None)

    def spec(self, name: str, now: float) -> Spec | None:
        """The service, if it is, or was just now, configured here."""
        spec = self._specs.get(name)
        return None if spec is None or (spec.until and spec.until <= now) else spec

    def option(self, digest: str, now: float) -> tuple[str, str] | None:
        """Keyword and text of a policy option, if it is, or was just now, in force."""
        if self._retired and self._retired.get(digest, now + 1) <= now:
            return None
        return self._options.get(digest)

    # ------------------------------------------------------------------ starting

    def groups(self) -> list[tuple[int, str]]:
        """Number and ``group`` of every service that is configured."""
        return [(spec.index, spec.group) for spec in self._specs.values() if not spec.until]

    def start(self, spec: Spec, request: Launch, fd: int, now: float, group: Group | None = None) -> tuple[int, int]:
        """Start the service's program with ``fd``, which stays the caller's, in ``group``.

        Returns the pid, and the number of the pipe that the program alone has as fd 2, 0 without one.

        Raises ``OSError`` when it cannot be started, ``ControlError`` for a field that no front of ours sends,
        ``ValueError`` for a text that is too long or contains a NUL.
        """
        env = spec.env + connection_environment(request)
        if spec.stdio != "socket":
            return self._start_apart(spec, request, env, now, group)
        if request.proto == "unix" and not request.facts:  # with them, the other end of the socket is a proxy
            env += unix_environment(fd)
        # The one place where a socket is handed to a program: trio's are non-blocking, and `cat` dies of that.
        os.set_blocking(fd, True)
        return self._start(spec, request, fd, fd, env, now, group)

    def _start_apart(self, spec: Spec, request: Launch, env: list[bytes], now: float, group: Group | None) -> tuple[int, int]:
        """Start a program whose connection stays with superd: it gets pipes or a terminal."""
        stdin, stdout, ends = open_standard(spec.stdio)
        try:
            started = self._start(spec, request, stdin, stdout, env, now, group)
        except BaseException:
            close_ends(ends)
            raise
        finally:
            os.close(stdin)
            if stdout != stdin:
                os.close(stdout)
        self.ends.append((request.conn, ends))
        return started

    def forget_ends(self) -> None:
        """The front that the ends are for is gone, and so are its connections."""
        for _, ends in self.ends:
            close_ends(ends)
        self.ends.clear()

    def _start(
        self, spec: Spec, request: Launch, fd: int, out: int, env: list[bytes], now: float, group: Group | None
    ) -> tuple[int, int]:
        # Each call in here is one of every connection: a microsecond of a start while the machine is busy.
        pipe = None if spec.stderr_socket else self.pipes.take(request.service, request.conn, alone=spec.grace >= 0)
        stderr = out if pipe is None else pipe.write
        try:
            if request.steps:
                pid = self._start_by_rule(spec, request, (fd, out, stderr), env, now, group)
            elif self._limits and group is None:
                pid = self._spawn_limited(spec, env, fd, out, stderr)
            else:
                before = None
                if group is not None or spec.stdio == "pty":
                    before = self._before(0, self._limits, terminal=spec.stdio == "pty", group=group)
                pid = self._spawn(spec.paths, spec.argv, env, fd, stderr, spec.umask, before, spec.folder, out)
        except BaseException:
            if pipe is not None:
                self.pipes.ended(request.service, request.conn)
            raise
        return pid, 0 if pipe is None else pipe.number

    def _spawn_limited(self, spec: Spec, env: list[bytes], fd: int, out: int, stderr: int) -> int:
        """With an RLIMIT_CPU alone: this process has it, as a soft limit, while it stands still in vfork.

        The hard limit follows when the program has begun, a second before anything could come of it. A fork that sets both
        before exec costs three times the start; other limits, too small for this process, need it.
        """
        if len(self._limits) > 1 or self._limits[0][0] != resource.RLIMIT_CPU or spec.stdio == "pty":
            before = self._before(0, self._limits, terminal=spec.stdio == "pty")
            return self._spawn(spec.paths, spec.argv, env, fd, stderr, spec.umask, before, spec.folder, out)
        value = self._limits[0][1]
        own = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (value, own[1]))
        try:
            pid = self._spawn(spec.paths, spec.argv, env, fd, stderr, spec.umask, None, spec.folder, out)
        finally:
            resource.setrlimit(resource.RLIMIT_CPU, own)
        try:
            resource.prlimit(pid, resource.RLIMIT_CPU, (value, value))
        except (ProcessLookupError, PermissionError):
            pass  # it has ended, or became another user by a set-uid program
        return pid

    def _start_by_rule(
        self,
        spec: Spec,
        request: Launch,
        ends: tuple[int, int, int],
        env: list[bytes],
        now: float,
        group: Group | None,
    ) -> int:
        fd, out, stderr = ends
        values = request.values or Values()
        env, umask, nice, twist = self._carry_out(request.steps, values, env, spec.umask, now)
        paths, argv = spec.paths, spec.argv
        if twist:
            paths, argv, stderr = _SHELL, [b"sh", b"-c", os.fsencode(twist)], out
            env = env + _command_environment(values)
        before = self._before(nice, self._limits, terminal=spec.stdio == "pty", group=group)
        return self._spawn(paths, argv, env, fd, stderr, umask, before, spec.folder, out)

    def _carry_out(
        self, steps: tuple[str, ...], values: Values, env: list[bytes], umask: int, now: float
    ) -> tuple[list[bytes], int, int, str]:
        """The environment, umask and nice that the options of a rule make, and the command that a `twist` puts in."""
        nice, twist = 0, ""
        for digest in steps:
            option = self.option(digest, now)
            if option is None:
                raise OSError(errno.ESTALE, "the policy option is no longer in force")
            name, text = option
            if name == "setenv":
                variable, value = split_variable(expand_shell(text, values))
                prefix = os.fsencode(variable + "=")
                env = [item for item in env if not item.startswith(prefix)]
                env.append(prefix + os.fsencode(value))
            elif name == "umask":
                umask = int(text, 8) & 0o777
            elif name == "nice":
                nice += int(text or "10")  # options.c: nice_option
            elif name == "twist":
                twist = expand_shell(text, values)
        return env, umask, nice, twist

    def _before(self, nice: int, limits: Limits, *, terminal: bool = False, group: Group | None = None) -> Before | None:
        if not nice and not limits and not terminal and group is None:
            return None

        def before() -> None:
            if group is not None:
                group.enter()
            if terminal:
                take_terminal()
            if nice:
                try:
                    os.nice(max(-40, min(40, nice)))
                except PermissionError:
                    pass  # a better priority than ours: libwrap too goes on without (options.c: nice_option)
            apply_limits(limits)

        return before

    def run_command(self, request: RunCommand, now: float) -> int:
        """Starts the shell command of a `spawn` or `aclexec`, with nothing but /dev/null. Returns the pid.

        Raises as ``start`` does.
        """
        option = self.option(request.digest, now)
        if option is None or option[0] not in _ON_COMMAND:
            raise OSError(errno.ESTALE, "the policy option is no longer in force")
        text = expand_shell(option[1], request.values)
        if option[0] == "spawn":
            # Not left to the shell: what that leaves running has no deadline, and counts for nothing.
            text = without_ampersand(text) or text
        command = os.fsencode(text)
        env, umask, nice, _ = self._carry_out(request.steps, request.values, [PATH], 0o022, now)
        env = env + _command_environment(request.values)
        # A spawn ignores SIGHUP, an aclexec does not (shell_cmd.c, options.c). Set here, not by a function between fork and
        # exec, which would make a fork of every vfork.
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN) if option[0] == "spawn" else None
        try:
            return self._spawn(_SHELL, [b"sh", b"-c", command], env, self._null, self._null, umask, self._before(nice, ()))
        finally:
            if option[0] == "spawn":
                signal.signal(signal.SIGHUP, before)

    def ended(self, name: str, conn: int, *, alone: bool) -> Spec | None:
        """Take note of the end of a program of the service, which left no process if ``alone``; return the service if known."""
        self.pipes.ended(name, conn, alone=alone)
        return self._specs.get(name)


def _command_environment(values: Values) -> list[bytes]:
    return [os.fsencode(f"{name}={value}") for name, value in command_environment(values).items()]
