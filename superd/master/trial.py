"""The trial of an upgrade: a child runs superd as it is on disk, which reads the configuration and has a front begin.

What: starts the child, waits for its end within a limit, and returns why it failed.
Runs in: master.
Never: changes what is served: the child binds nothing and takes nothing over.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from superd.system.outside import open_null
from superd.system.spawn import choose_spawn
from superd.system.successor import FORMAT, TRIAL, VARIABLE

if TYPE_CHECKING:
    from superd.system.spawn import Spawn

SECONDS = 120.0
"""Seconds that a trial may take: a configuration with a million entries is read in it."""
MOST_TEXT = 2000
"""Bytes of the child's last words that are logged."""


@cache
def _spawn() -> Spawn:
    return choose_spawn()


def command() -> list[bytes]:
    """Return what this superd was started with, to be started in the same way again."""
    return [os.fsencode(word) for word in (sys.executable, *sys.orig_argv[1:])]


class Trial:
    """At most one child at a time. ``due`` is when it is killed (monotonic), or None while there is none."""

    def __init__(self) -> None:
        self.pid = 0
        self.due: float | None = None
        self._words = -1

    def start(self, environ: Mapping[str, str], folder: int) -> None:
        """Start the child in the folder that superd was started in, a descriptor. Raises ``OSError``."""
        nothing = open_null()
        # In memory, which takes what the child says without a reader.
        self._words = os.memfd_create("superd-trial", os.MFD_CLOEXEC)
        argv = command()
        env = [os.fsencode(f"{name}={value}") for name, value in {**environ, VARIABLE: f"{TRIAL}:{FORMAT}"}.items()]
        try:
            self.pid = _spawn()(
                (argv[0],), argv, env, nothing, self._words, 0o077, folder=b"/proc/self/fd/%d" % folder, out=self._words
            )  # fmt: skip
        except OSError:
            self._forget()
            raise
        finally:
            os.close(nothing)
        self.due = time.monotonic() + SECONDS

    def on_timer(self, now: float) -> None:
        """Kill a trial that takes too long."""
        if self.due is not None and now >= self.due:
            self.due = None
            os.kill(self.pid, signal.SIGKILL)  # the master's child, so the number is still its own

    def ended(self, status: int) -> str:
        """Take note that the child was reaped; return why it failed, nothing when it could serve."""
        late = self.due is None
        size = os.fstat(self._words).st_size
        words = os.pread(self._words, MOST_TEXT, max(0, size - MOST_TEXT)).decode("utf-8", "replace")
        self._forget()
        if status == 0:
            return ""
        if late:
            return f"it did not say within {SECONDS:g} s that it could serve"
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.waitstatus_to_exitcode(status)}"
        shown = 1 if any(line.startswith("Traceback ") for line in lines) else 3
        return "; ".join(lines[-shown:]) or f"it ended with {how}"

    def _forget(self) -> None:
        if self._words >= 0:
            os.close(self._words)
        self.pid, self.due, self._words = 0, None, -1
