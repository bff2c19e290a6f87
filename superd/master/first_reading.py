"""The reading at the start: in a child, while the process that becomes the master loads what serves.

Runs in: the process that becomes the master, before there is a loop, and a child of it.
Never: loads the readers in the master, which does so when it serves.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from superd.master.configuration import unusable
from superd.master.reading_child import SECONDS, fork_reading, value_of

if TYPE_CHECKING:
    from superd.master.configuration import Configuration, Read, Unusable


class FirstReading:
    """Begins as it is made; ``value`` waits for its end."""

    def __init__(self, read: Read, *, keep_going: bool, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._pid, self._fault = 0, OSError()
        try:
            self._answer = os.memfd_create("superd-reading", os.MFD_CLOEXEC)
        except OSError as problem:
            self._fault = problem
            return
        try:
            self._pid = fork_reading(_work(read, keep_going), self._answer, lambda: None, seconds=seconds)
        except OSError as problem:
            os.close(self._answer)
            self._fault = problem

    def is_over(self) -> bool:
        """Return whether ``value`` would not wait."""
        return not self._pid or self._ends_within(0.0)

    def value(self) -> Configuration | Unusable:
        """Return what the files say, at most once."""
        if not self._pid:
            return unusable(self._fault)
        late = not self._ends_within(self._seconds)
        if late:
            os.kill(self._pid, signal.SIGKILL)
        status = os.waitpid(self._pid, 0)[1]
        return cast("Configuration | Unusable", value_of(self._answer, status, late=late, seconds=self._seconds))

    def _ends_within(self, seconds: float) -> bool:
        try:
            fd = os.pidfd_open(self._pid)
        except OSError:
            return seconds > 0  # before Linux 5.3, or a container's filter: wait(2) tells, and RLIMIT_CPU ends what never would
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(fd)


def _work(read: Read, keep_going: bool) -> Callable[[], object]:
    def work() -> object:
        from superd.master.reading import read_configuration

        return read_configuration(read, keep_going=keep_going)

    return work
