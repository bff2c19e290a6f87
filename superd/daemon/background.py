"""Going to the background, as a daemon that an init script starts: the parent waits until the child serves, and says so.

Forks before anything else is there: no thread, no trio, no descriptor that would be shared. Reads and decides nothing.
"""

from __future__ import annotations

import os
import signal

from superd.system.outside import open_null


class Background:
    """The child's side: what it still has to send its parent."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def detach(self) -> None:
        """Lets go of the terminal; what is said from here on is for the log. Raises ``OSError``."""
        os.chdir("/")
        nowhere = open_null()
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        os.close(nowhere)

    def ready(self) -> None:
        """The parent may end: superd serves."""
        try:
            os.write(self._parent, b"r")
        except BrokenPipeError:
            pass  # the parent was ended by a signal meanwhile
        os.close(self._parent)


def go_to_background() -> Background:
    """Returns in the child alone, in a session of its own.

    The parent ends with 0 when the child is ready; when that ends before, with its status, and never with 0.
    """
    told, tell = os.pipe()
    # Not twice: a daemon opens no terminal by accident (O_NOCTTY), and its parent wants to know how it ended.
    pid = os.fork()  # noqa: TID251 - the first thing the process does: nothing is there to be shared
    if pid:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who does not want to wait need not read a traceback
        os.close(tell)
        if os.read(told, 1):
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        os._exit(max(1, os.waitstatus_to_exitcode(status)))
    os.close(told)
    os.setsid()
    return Background(tell)
