"""The master's loop: one poll(2), signals through a wakeup descriptor, and steps that may fail without ending it.

Runs in: master.
Never: knows what an event means, or lets an exception of a step pass: it is reported, and the loop goes on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.log.log import Log

REST = 0.05
"""Seconds the loop rests after an error that no step expected, so that one that repeats does not cost a core."""

_SIGNALS = (
    signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD,
)  # fmt: skip


class Loop:
    """``poll`` is where the parts of the master register their descriptors."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.poll = select.poll()
        self._wakeup: tuple[socket.socket, ...] = ()

    def take_signals(self) -> None:
        """From here on signals are events of the loop."""
        wakeup, wakeup_in = self._wakeup = socket.socketpair()
        wakeup.setblocking(False)
        wakeup_in.setblocking(False)
        signal.set_wakeup_fd(wakeup_in.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # an upgrade has held them back
        self.poll.register(wakeup, select.POLLIN)

    def let_signals_go(self) -> None:
        """Signals wake the loop no longer."""
        signal.set_wakeup_fd(-1)

    def fileno(self) -> int:
        """Return the descriptor that an event has when signals have arrived."""
        return self._wakeup[0].fileno()

    def signals(self) -> set[int]:
        """Return the signals that have arrived."""
        return set(self._wakeup[0].recv(256))

    def close_copies(self) -> None:
        """In a child: close the wakeup pair, where what is written reaches the master as signals."""
        for end in self._wakeup:
            end.close()

    def turn(
        self,
        moments: Iterable[float | None],
        on_event: Callable[[int, int], None],
        timers: Iterable[Callable[[float], None]],
    ) -> None:
        """Wait for an event or the first of ``moments`` (monotonic); then hand on the events, and the time to each timer."""
        for fd, events in self.poll.poll(_milliseconds(moments)):
            self.guarded("an event", on_event, fd, events)
        for step in timers:
            self.guarded("a timer", step, time.monotonic())
        self.guarded("the log", self._log.flush)

    def guarded(self, what: str, step: Callable[..., None], *arguments: object) -> None:
        """Run one step; report an exception that it did not expect, and go on."""
        try:
            step(*arguments)
        except Exception as fault:  # noqa: BLE001 - the one place: whatever a step meets, the others are still served
            frame = fault.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f" ({os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno})" if frame is not None else ""
            text = " ".join(f"{type(fault).__name__} {fault}".split())[:300]
            with contextlib.suppress(Exception):  # the log itself may have failed, without memory
                self._log.message("alert", f"{what} failed: {text}{where}; superd goes on")
            time.sleep(REST)


def _milliseconds(moments: Iterable[float | None]) -> int | None:
    """Return how long poll(2) may wait; None: without a limit."""
    due = [moment for moment in moments if moment is not None]
    return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None
