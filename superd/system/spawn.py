"""The one function that starts a program: fork_exec with vfork semantics, and Popen as its fallback. Standard library only.

``_posixsubprocess.fork_exec`` is private and its arguments moved in 3.14; it is tried with /bin/true when a launcher
starts. It costs a third of ``subprocess.Popen`` and, other than os.posix_spawn, leaves no signal ignored. It never
decides who the program runs as: the process that calls it already is that.

Runs in: launchers; the master for its own processes. Never: chooses what is started.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from functools import partial

from superd.system.outside import open_null

try:
    import _posixsubprocess
except ImportError:  # a Python that is not CPython: Popen does it
    _posixsubprocess = None  # type: ignore[assignment]

Before = Callable[[], None]
"""Runs in the child between fork and exec; an ``OSError`` of it is the spawn's."""

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Spawn(Protocol):
        """Starts ``argv`` from the first of ``paths`` that can be executed; returns its pid when exec has succeeded.

        ``sock`` becomes fd 0, ``out`` (without it ``sock``) fd 1, ``stderr`` fd 2; every other descriptor must be
        close-on-exec. The child leads a session of its own, in ``folder`` or else the caller's, with ``umask``, and without
        SIGPIPE and SIGXFSZ ignored. ``before`` makes it a fork, which costs 0.5 ms more, so only what cannot be taken on by
        the launcher itself goes there. Raises ``OSError`` of fork or exec, ``ValueError`` for a NUL in a text.
        """

        def __call__(
            self,
            paths: tuple[bytes, ...],
            argv: list[bytes],
            env: list[bytes],
            sock: int,
            stderr: int,
            umask: int,
            before: Before | None = None,
            folder: bytes | None = None,
            out: int = -1,
        ) -> int: ...


_TAILS: tuple[tuple[Any, ...], ...] = ((True,), ())
"""What follows preexec_fn: allow_vfork up to Python 3.13, nothing since 3.14."""


def _fork_exec_with(tail: tuple[Any, ...], read: int, write: int, last: Before | None = None) -> Spawn:
    """``read`` and ``write`` are of a non-blocking pipe, in which children write what failed."""
    fork_exec: Any = _posixsubprocess.fork_exec
    # Asked before it is read: an exception for every program that was started costs more than the question.
    errors = select.poll()
    errors.register(read, select.POLLIN)
    failed = errors.poll

    def spawn(
        paths: tuple[bytes, ...],
        argv: list[bytes],
        env: list[bytes],
        sock: int,
        stderr: int,
        umask: int,
        before: Before | None = None,
        folder: bytes | None = None,
        out: int = -1,
    ) -> int:
        what = (argv, paths, False, (), folder, env, sock, -1, -1, sock if out < 0 else out, -1, stderr)
        if before is not None or last is not None:
            return fork(what, umask, before)
        pid: int = fork_exec(*what, read, write, True, True, -1, None, None, None, umask, None, *tail)
        if not failed(0):
            return pid
        report = os.read(read, 4096)
        os.waitpid(pid, 0)
        raise _exec_error(report)

    def fork(what: tuple[Any, ...], umask: int, before: Before | None) -> int:
        # A pipe of its own: fork returns before exec, and only the end of file says that exec has succeeded.
        ours, theirs = os.pipe2(os.O_CLOEXEC)

        def guarded() -> None:
            try:
                for act in (before, last):
                    if act is not None:
                        act()
            except OSError as problem:
                os.write(theirs, b"OSError:%X:" % (problem.errno or errno.EIO))
                os._exit(255)

        try:
            try:
                pid: int = fork_exec(*what, ours, theirs, True, True, -1, None, None, None, umask, guarded, *tail)
            finally:
                os.close(theirs)
            report = b""
            while piece := os.read(ours, 4096):  # the child writes its error in several pieces
                report += piece
        finally:
            os.close(ours)
        if not report:
            return pid
        os.waitpid(pid, 0)
        raise _exec_error(report)

    return spawn


def _exec_error(report: bytes) -> OSError:
    kind, _, rest = report.partition(b":")
    number = int(rest.partition(b":")[0] or b"0", 16) if kind == b"OSError" else 0
    return OSError(number or errno.EIO, os.strerror(number or errno.EIO))


def popen(
    paths: tuple[bytes, ...],
    argv: list[bytes],
    env: list[bytes],
    sock: int,
    stderr: int,
    umask: int,
    before: Before | None = None,
    folder: bytes | None = None,
    out: int = -1,
    last: Before | None = None,
) -> int:
    """The same by public means, three times as dear: for a Python whose fork_exec has other arguments."""
    import subprocess  # noqa: TID251 - the fallback

    def acts() -> None:
        for act in (before, last):
            if act is not None:
                act()

    process = subprocess.Popen(
        argv,
        executable=paths[0],
        cwd=folder,
        env=dict(item.split(b"=", 1) for item in env),
        stdin=sock,
        stdout=sock if out < 0 else out,
        stderr=stderr,
        umask=umask,
        start_new_session=True,
        preexec_fn=acts if before is not None or last is not None else None,
    )
    process.returncode = 0  # reaped by the launcher's own sweep, not when the object goes
    return process.pid


def choose_spawn(last: Before | None = None) -> Spawn:
    """Return the fastest way that works on this Python, found out by starting /bin/true.

    ``last`` runs in each child after its ``before``, and makes every start a fork.
    """
    if _posixsubprocess is not None:
        # Non-blocking: the child writes an exec's error here while this process stands still in vfork; a full pipe that
        # is not read would stop the launcher for ever.
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for tail in _TAILS:
            if _works(_fork_exec_with(tail, read, write)):
                return _fork_exec_with(tail, read, write, last)
        os.close(read)
        os.close(write)
    return popen if last is None else partial(popen, last=last)


def _works(spawn: Spawn) -> bool:
    null = open_null()
    try:
        pid = spawn((b"/bin/true",), [b"true"], [], null, null, 0o022)
    except TypeError:
        return False  # other arguments
    except OSError:
        return True  # it was understood; /bin/true does not exist, or there is no room for a process just now
    finally:
        os.close(null)
    return os.waitpid(pid, 0)[1] == 0
