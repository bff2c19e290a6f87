"""An upgrade in place: superd as it is on disk takes over from the program that this process runs.

What: tries the new program in a child, says how an upgrade went, and executes the new program with what is handed on.
Runs in: master.
Never: stops serving: until the new program's front is ready, the earlier front accepts.
"""

from __future__ import annotations

import os
import time
from dataclasses import field
from typing import TYPE_CHECKING, Any

from superd.frozen import frozen
from superd.log.event import Kind
from superd.master.trial import Trial, command
from superd.system.instance_lock import write_outcome
from superd.system.successor import replace_program, this_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.log.log import Log
    from superd.master.notify import Notifier

ENDED, DONE, REFUSED = "upgrade", "done", "refused"
"""Words of the outcome that ``superd upgrade`` reads in the lock file."""


@frozen
class Own:
    """What of this process lasts over its programs.

    ``lock`` is the descriptor that holds the lock, -1 for none; ``folder`` is that of the folder where superd was started;
    ``environ`` is what the service manager set and superd has taken out. ``table`` is what an earlier program of this process
    left. ``stored`` are the names of what the service manager has kept for this process.
    """

    lock: int = -1
    folder: int = -1
    environ: dict[str, str] = field(default_factory=dict)
    table: dict[str, Any] | None = None
    stored: tuple[str, ...] = ()

    def close_copies(self) -> None:
        """In a child: close what only the master may hold."""
        for fd in (self.lock, self.folder):
            if fd >= 0:
                os.close(fd)


class Upgrade:
    """The upgrades of one program. ``due`` is when something is to be done (monotonic), or None."""

    def __init__(self, log: Log, notifier: Notifier, own: Own) -> None:
        self._log = log
        self._notifier = notifier
        self._own = own
        self._trial = Trial()
        self._number = own.table["upgrades"] if own.table is not None else 0
        self._taken_over = own.table is not None

    @property
    def pid(self) -> int:
        """The child that tries the new program, 0 while there is none."""
        return self._trial.pid

    @property
    def due(self) -> float | None:
        """When a trial takes too long."""
        return self._trial.due

    def on_timer(self, now: float) -> None:
        """End a trial that takes too long."""
        self._trial.on_timer(now)

    def ask(self) -> None:
        """Begin an upgrade, unless one is on its way."""
        if self._trial.pid:
            return
        self._log.message("notice", "upgrade: trying the new program", kind=Kind.RELOAD, always=True)
        self._notifier.reloading()
        try:
            self._trial.start({**os.environ, **self._own.environ}, self._own.folder)
        except OSError as problem:
            self.failed(problem.strerror or str(problem))

    def passed(self, status: int) -> bool:
        """The trial ended with this wait(2) status; return whether the new program can serve. If not, say why."""
        why = self._trial.ended(status)
        if why:
            self.failed(why)
        return not why

    def failed(self, why: str) -> None:
        """Say that the program goes on as it is."""
        self._number += 1
        self._log.message("error", f"upgrade refused, superd goes on as it is: {why}", kind=Kind.RELOAD_REFUSED, always=True)
        self._notifier.ready(f"upgrade refused: {why}"[:500])
        self._tell(REFUSED, why)

    def served(self) -> None:
        """The front of this program is ready; the first time after an upgrade say that it is done."""
        if self._taken_over and self._own.table is not None:
            self._taken_over = False
            self._number += 1
            seconds = time.monotonic() - self._own.table["began"]
            if self._own.table["front"] is None:
                self._log.message("notice", f"took over from the earlier superd, {seconds:.2f} s after it ended", always=True)
                return
            self._log.message("notice", f"upgrade: done in {seconds:.2f} s", kind=Kind.RELOAD, always=True)
            self._tell(DONE, f"{seconds:.2f} s")

    def _tell(self, word: str, text: str) -> None:
        if self._own.lock >= 0:
            try:
                write_outcome(self._own.lock, f"{ENDED} {self._number} {word} {' '.join(text.split())}")
            except OSError as problem:
                self._log.message("warning", f"`superd upgrade` gets no answer: the lock file: {problem.strerror}")

    def replace_program(self, table: dict[str, Any], fds: Iterable[int]) -> None:
        """Execute the new program with this table. Raises ``OSError``; returns never."""
        lock = [self._own.lock] if self._own.lock >= 0 else []
        more = {"lock": self._own.lock, "folder": self._own.folder, "upgrades": self._number, "began": time.monotonic()}
        before = this_folder()
        try:
            os.fchdir(self._own.folder)
            argv = [os.fsdecode(word) for word in command()]
            replace_program(argv, {**os.environ, **self._own.environ}, {**table, **more}, [*fds, *lock, self._own.folder])
        finally:
            os.fchdir(before)
            os.close(before)
