"""Pipes and terminals that a program has in the place of its connection (``stdio`` of its service).

Runs in: launchers. Standard library only. Made here, not in the front: a pipe and a terminal belong to who makes them, and a
program that opens /dev/stdin, /dev/stdout or /dev/tty anew must be their owner.
"""

from __future__ import annotations

import fcntl
import os
import termios

from superd.ipc.launch_codec import IN, OUT, TERMINAL

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    Ends = tuple[tuple[str, int], ...]

SIZE = (24, 80)
"""Lines and columns: a connection says nothing of its client's window, and a terminal without a size breaks programs."""


def open_standard(kind: str) -> tuple[int, int, Ends]:
    """Return the program's fd 0, its fd 1, and the other ends with their words. All are the caller's. Raises ``OSError``."""
    if kind == "pty":
        ours, theirs = os.openpty()
        try:
            attributes = termios.tcgetattr(theirs)
            attributes[3] &= ~termios.ECHO  # the client's side decides what it shows of what is typed
            termios.tcsetattr(theirs, termios.TCSANOW, attributes)
            termios.tcsetwinsize(theirs, SIZE)
            os.set_blocking(ours, False)
        except (OSError, termios.error) as problem:
            os.close(ours)
            os.close(theirs)
            raise OSError(*problem.args) from None
        return theirs, theirs, ((TERMINAL, ours),)
    stdin, into = os.pipe2(os.O_CLOEXEC)
    try:
        out, stdout = os.pipe2(os.O_CLOEXEC)
    except OSError:
        os.close(stdin)
        os.close(into)
        raise
    os.set_blocking(into, False)
    os.set_blocking(out, False)
    return stdin, stdout, ((IN, into), (OUT, out))


def close_ends(ends: Ends) -> None:
    """Close ends that no front will get: the program sees the end of its input."""
    for _, fd in ends:
        os.close(fd)


def take_terminal() -> None:
    """In the program, between setsid(2) and exec: make fd 0 the terminal that signals and /dev/tty come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
