"""The one function that starts a program: fork_exec with vfork semantics, and Popen behind it. Standard library only.

``_posixsubprocess.fork_exec`` is private and its arguments moved in 3.11, 3.12 and 3.14; it is tried with /bin/true when
the launcher starts. It costs a third of ``subprocess.Popen`` and, other than os.posix_spawn, leaves no signal ignored.
"""

from __future__ import annotations

import _posixsubprocess
import errno
import os
from collections.abc import Callable
from typing import Any

Spawn = Callable[[tuple[bytes, ...], list[bytes], list[bytes], int, int, int], int]
"""(paths to try, argv, environment, fd for 0 and 1, fd for 2, umask) → pid. Raises ``OSError`` of fork or exec."""

_TAILS: tuple[tuple[Any, ...], ...] = ((None, None, None, -1, None, True), (None, None, None, -1, None))
"""gid, groups, uid, umask, preexec_fn and, up to 3.13, allow_vfork."""


def _fork_exec_with(tail: tuple[Any, ...]) -> Spawn:
    # Non-blocking: the child writes an exec's error here while this process stands still in vfork; a full pipe that
    # nobody reads would stop the launcher for ever.
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before, after = tail[:3], tail[4:]
    fork_exec: Any = _posixsubprocess.fork_exec

    def spawn(paths: tuple[bytes, ...], argv: list[bytes], env: list[bytes], sock: int, stderr: int, umask: int) -> int:
        pid: int = fork_exec(
            argv, paths, False, (), b"/", env, sock, -1, -1, sock, -1, stderr, read, write, True, True, -1,
            *before, umask, *after,
        )  # fmt: skip
        try:
            report = os.read(read, 4096)
        except BlockingIOError:
            return pid
        os.waitpid(pid, 0)
        raise _exec_error(report)

    return spawn


def _exec_error(report: bytes) -> OSError:
    kind, _, rest = report.partition(b":")
    number = int(rest.partition(b":")[0] or b"0", 16) if kind == b"OSError" else errno.EIO
    return OSError(number, os.strerror(number))


def _popen(paths: tuple[bytes, ...], argv: list[bytes], env: list[bytes], sock: int, stderr: int, umask: int) -> int:
    import subprocess  # noqa: TID251 - the fallback, for a Python whose fork_exec has other arguments

    process = subprocess.Popen(
        argv,
        executable=paths[0],
        env=dict(item.split(b"=", 1) for item in env),
        stdin=sock,
        stdout=sock,
        stderr=stderr,
        cwd="/",
        umask=umask,
        start_new_session=True,
    )
    process.returncode = 0  # reaped by this process's own sweep, not when the object goes
    return process.pid


def choose_spawn() -> Spawn:
    """The fastest way that works on this Python, found out by starting /bin/true."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        for tail in _TAILS:
            try:
                spawn = _fork_exec_with(tail)
                pid = spawn((b"/bin/true",), [b"true"], [], null, null, 0o022)
            except (TypeError, OSError):
                continue
            os.waitpid(pid, 0)
            return spawn
    finally:
        os.close(null)
    return _popen
