"""Reads foreign bytes in a child that may die of them: bounded in memory and time. The master takes a finished value.

What: forks, runs one reading, and gives its value to a callback in the master.
Runs in: master (root), and a child of it that lives for one reading.
Never: blocks the master. One reading at a time; of those that wait, one of each kind.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.exit_status import EX_SOFTWARE
from superd.frozen import frozen
from superd.master.configuration import Unusable, unusable
from superd.master.wait_status import describe
from superd.problem import Origin, error
from superd.system.process_state import own_size
from superd.system.process_title import set_title

if TYPE_CHECKING:
    from superd.log.log import Log

MEMORY = 1 << 30
"""Bytes of address space that a reading may use over what the master has: a list of a million lines takes a quarter."""
ANSWER = 512 << 20
"""Bytes of its value."""
SECONDS = 120.0
"""A list of a million lines takes half a minute."""
_PR_SET_PDEATHSIG = 1


@frozen
class Reading:
    """``work`` runs in the child, with copies of the descriptors ``lent``.

    ``done`` runs in the master, with the value or ``Unusable``.
    """

    kind: str
    work: Callable[..., object]
    done: Callable[[object], None]
    lent: tuple[int, ...] = ()


class ReadingChild:
    """The one child that reads, and the readings that wait. ``close_copies`` closes what only the master may hold."""

    def __init__(
        self,
        log: Log,
        close_copies: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = SECONDS,
        memory: int = MEMORY,
    ) -> None:
        self._log = log
        self._close_copies = close_copies
        self._clock = clock
        self._seconds = seconds
        self._memory = memory
        self._waiting: dict[str, Reading] = {}
        self._reading: Reading | None = None
        self._answer = -1
        self._started = 0.0
        self._kill_at: float | None = None
        self._late = False
        self._start_at: float | None = None
        self.pid = 0

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic); None for never."""
        return self._kill_at if self.pid else self._start_at

    def ask(self, reading: Reading) -> None:
        """Read as soon as the reading before is over. A reading of the same kind that waits is dropped: this one reads more."""
        self._waiting[reading.kind] = reading
        if not self.pid and self._start_at is None:
            self._next()

    def forget(self) -> None:
        """Drop what waits; what is read just now comes to nothing."""
        self._waiting.clear()
        self._reading = self._start_at = None

    def ended(self, pid: int, status: int) -> bool:
        """A child of the master ended; return whether it was the one that read."""
        if not self.pid or pid != self.pid:
            return False
        now = self._clock()
        self.pid, self._kill_at = 0, None
        reading, self._reading = self._reading, None
        answer, self._answer = self._answer, -1
        value = value_of(answer, status, late=self._late, seconds=self._seconds)
        # Not at once: who asks all the time has half of one core at most.
        self._start_at = now + (now - self._started) if self._waiting else None
        if reading is not None:
            reading.done(value)
        if self._start_at is None and self._waiting and not self.pid:
            self._next()
        return True

    def on_timer(self, now: float) -> None:
        """End a reading that takes too long, or begin one that waits."""
        if self.pid:
            if self._kill_at is not None and now >= self._kill_at:
                self._late, self._kill_at = True, now + self._seconds
                try:
                    os.kill(self.pid, signal.SIGKILL)
                except OSError as problem:
                    self._log.message("alert", f"a reading (pid {self.pid}) cannot be ended: {problem.strerror}")
        elif self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            return
        # A reload first: it reads the tables too.
        kind = min(self._waiting, key=lambda kind: kind != "reload")
        reading = self._waiting.pop(kind)
        self._started = self._clock()
        try:
            answer = os.memfd_create("superd-reading", os.MFD_CLOEXEC)
        except OSError as problem:
            reading.done(unusable(problem))
            return
        self._log.flush()
        try:
            pid = fork_reading(reading.work, answer, self._prepare, memory=self._memory, seconds=self._seconds, lent=reading.lent)
        except OSError as problem:
            reading.done(unusable(problem))
            os.close(answer)
            return
        self.pid, self._reading, self._answer = pid, reading, answer
        self._late, self._kill_at = False, self._started + self._seconds

    def _prepare(self) -> None:
        signal.set_wakeup_fd(-1)
        self._close_copies()


def fork_reading(
    work: Callable[..., object],
    answer: int,
    prepare: Callable[[], None],
    *,
    memory: int = MEMORY,
    seconds: float = SECONDS,
    lent: tuple[int, ...] = (),
) -> int:
    """Return the pid of a child that writes the value of ``work`` to ``answer``, a memory file, and ends.

    ``prepare`` runs in the child first; ``lent`` are descriptors that ``work`` gets copies of. Raises ``OSError``.
    """
    gc.freeze()  # so that a collection in the child does not copy every page that it shares with the master
    try:
        master = os.getpid()
        pid = os.fork()  # noqa: TID251 - no thread and no trio runs in the master; the child never returns
        if pid == 0:
            _in_child(master, work, answer, prepare, memory, seconds, lent)
        return pid
    finally:
        gc.unfreeze()


def value_of(answer: int, status: int, *, late: bool, seconds: float = SECONDS) -> object:
    """Return what the child with this wait status has written, and close ``answer``; ``Unusable`` if it could not."""
    with os.fdopen(answer, "rb") as file:
        if late:
            why = f"reading it takes longer than {seconds:g} s"
        elif status != 0:
            why = f"reading it ended with {describe(status)}"
        else:
            file.seek(0)
            try:
                return pickle.load(file)  # noqa: S301 - from the master's own child, over memory that only they hold
            except Exception as fault:  # noqa: BLE001 - a value that the master has no memory for is refused
                return unusable(fault)
    return Unusable((error(Origin("configuration"), f"cannot be read: {why}"),))


def _in_child(
    master: int,
    work: Callable[..., object],
    answer: int,
    prepare: Callable[[], None],
    memory: int,
    seconds: float,
    lent: tuple[int, ...],
) -> None:
    status = EX_SOFTWARE
    try:
        set_title("superd: reading")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != master:
            os._exit(status)
        copies = [os.dup(fd) for fd in lent]
        prepare()
        _limit(memory, seconds)
        try:
            value = work(*copies)
        except Exception as fault:  # noqa: BLE001 - whatever bytes of files make a reader raise, it refuses these files alone
            value = unusable(fault)
        with os.fdopen(answer, "wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)


def _limit(memory: int, seconds: float) -> None:
    used = own_size() or memory // 2  # a container without /proc
    for number, value in (
        (resource.RLIMIT_AS, used + memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, ANSWER),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))
