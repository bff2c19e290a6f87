"""What: starts a program as the first process of a PID namespace, with mounts of its own: clone(2) instead of vfork.

Runs in: launchers whose services have ``private_pids`` or ``private_tmp``. Standard library only.
Never: used by others; it costs a fork, where ``spawn.py`` costs a vfork.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.system.spawn import Before, Spawn

_CLONE = {"x86_64": 56, "aarch64": 220}


def spawn_apart(flags: int, choose: Callable[[], None], prepare: Callable[[], None], seal: Callable[[], None]) -> Spawn:
    """Return a function like ``spawn.choose_spawn``'s. ``flags`` are CLONE_NEW*.

    ``choose`` runs here before each program, and its ``OSError`` is the start's; in the child ``prepare`` mounts, and ``seal`` is
    the last act before exec.
    """
    number = _CLONE.get(os.uname().machine)
    # PyDLL: the child of this call must have the interpreter's lock.
    system_call = ctypes.PyDLL(None, use_errno=True).syscall
    system_call.argtypes = [ctypes.c_long] * 6

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
        if number is None:
            raise OSError(errno.ENOSYS, f"clone(2) is not known for {os.uname().machine}")
        choose()
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                pid: int = system_call(number, flags | signal.SIGCHLD, 0, 0, 0, 0)
                if pid < 0:
                    raise OSError(ctypes.get_errno(), f"clone: {os.strerror(ctypes.get_errno())}")
                if pid == 0:
                    try:
                        _become_program(paths, argv, env, (sock, sock if out < 0 else out, stderr), umask, before, folder)
                    except OSError as problem:
                        os.write(theirs, b"%d:%s" % (problem.errno or errno.EIO, (problem.strerror or "").encode()[:200]))
                    except ValueError:
                        os.write(theirs, b"%d:a NUL byte in what it is given" % errno.EINVAL)
                    finally:
                        os._exit(255)
            finally:
                os.close(theirs)
            report = os.read(ours, 4096)
        finally:
            os.close(ours)
        if not report:
            return pid
        os.waitpid(pid, 0)
        code, _, text = report.partition(b":")
        raise OSError(int(code), text.decode("utf-8", "replace"))

    def _become_program(
        paths: tuple[bytes, ...],
        argv: list[bytes],
        env: list[bytes],
        ends: tuple[int, int, int],
        umask: int,
        before: Before | None,
        folder: bytes | None,
    ) -> None:
        os.setsid()
        for low, end in enumerate(ends):
            os.dup2(end, low)
        prepare()
        os.umask(umask)
        os.chdir(folder or b"/")
        for name in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(name, signal.SIG_DFL)
        if before is not None:
            before()
        seal()
        os.execve(paths[0], argv, dict(item.split(b"=", 1) for item in env))

    return spawn
