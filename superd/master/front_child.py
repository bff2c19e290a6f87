"""The front as the master sees it: a child process and the channel to it. Distrusts every word of it.

Starts it, tells it orders, reads its requests against a budget, and kills what breaks the protocol. Decides nothing.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.errors import ControlError
from superd.ipc import channel as channels

if TYPE_CHECKING:
    from superd.log.log import Log

CRASH_PAUSE = 1.0
"""Seconds before a front that died is started again when it lived less than this."""
REQUESTS_AT_ONCE, REQUESTS_A_SECOND = 200, 60.0
"""What a front may ask: most is one for each order, and for tables that change all the time one each 20 ms."""
RENEWAL = 0.005
"""What a new datagram socket costs of these: one is asked for at each new peer."""

EX_NOPERM = 77
"""sysexits.h: the exit status of a front that could not give up root. Another would not fare better."""

Run = Callable[[channels.Apply, list[int], socket.socket], int]
"""What the front process runs: the first order, its descriptors, the channel; returns the exit status."""


class FrontProcess:
    """The one front that lives, or none (``pid`` 0). ``due`` is when the next is to be started (monotonic), or None."""

    def __init__(self, run: Run, log: Log, poll: select.poll) -> None:
        self._run = run
        self._log = log
        self._poll = poll
        self._channel: socket.socket | None = None
        self._started = 0.0
        self._left, self._since = float(REQUESTS_AT_ONCE), 0.0
        self._dump_asked = False
        self.pid = 0
        self.due: float | None = None

    def fileno(self) -> int:
        """The channel's descriptor, -1 without one."""
        return self._channel.fileno() if self._channel is not None else -1

    def start(self, order: channels.Apply, fds: list[int], in_child: Callable[[], None]) -> None:
        """Forks the front. ``fds`` stay the caller's; ``in_child`` closes what the front must not have."""
        ours, theirs = channels.pair()
        self.due = None
        self._log.flush()
        gc.collect(1)  # what is old was looked through while it grew; all of it costs 20 ms with a thousand services
        gc.freeze()  # so that a collection in the front does not copy every page of what it shares with us
        pid = os.fork()  # noqa: TID251 - no thread and no trio runs in the master; the child never returns
        if pid == 0:
            status = 70  # EX_SOFTWARE
            try:
                signal.set_wakeup_fd(-1)
                os.setsid()  # a terminal takes words put into its mouth (TIOCSTI) from sessions of its own alone
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                ours.close()
                kept = [os.dup(fd) for fd in fds]
                in_child()
                status = self._run(order, kept, theirs)
            except BaseException:  # noqa: BLE001 - ours, and nobody is above us here to print it
                traceback.print_exc()
            finally:
                os._exit(status)
        theirs.close()
        gc.unfreeze()
        self.pid, self._started, self._channel = pid, time.monotonic(), ours
        self._dump_asked, self._left = False, float(REQUESTS_AT_ONCE)
        self._poll.register(ours, select.POLLIN)

    def tell(self, order: channels.Order, fds: tuple[int, ...] = ()) -> None:
        """Sends an order, if there is somebody to obey. ``fds`` stay the caller's."""
        if self._channel is None:
            return
        if isinstance(order, channels.Dump):
            self._dump_asked = True
        try:
            channels.send_order(self._channel, order, fds)
        except BlockingIOError:
            self.replace("it reads no orders")
        except OSError:
            pass  # it died: SIGCHLD says so, and the next one is told everything anew

    def request(self) -> tuple[channels.Request, bytes] | None:
        """The next request and the dump beside it; None when there was none, or none that counts."""
        assert self._channel is not None
        try:
            request, dump = channels.receive_request(self._channel)
            self._charge(RENEWAL if request.word == "renew" else 1.0)
            if request.word == "dump":
                if not self._dump_asked:
                    raise ControlError("a dump that nobody asked for")
                self._dump_asked = False
        except ControlError as problem:
            self.replace(str(problem))
            return None
        except (EOFError, OSError):
            # Ended, or ends just now; or it lives and says nothing in an empty message: then it ends by this.
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            self._drop_channel()
            return None
        return request, dump

    def _charge(self, cost: float) -> None:
        now = time.monotonic()
        left = self._left + (now - self._since) * REQUESTS_A_SECOND
        self._left, self._since = min(REQUESTS_AT_ONCE, left) - cost, now
        if self._left < 0:
            raise ControlError("too many messages")

    def replace(self, why: str) -> None:
        """It broke the protocol: kills it. Its end is told by SIGCHLD."""
        self._log.message("alert", f"the front broke its protocol ({why}); it is being replaced")
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self._drop_channel()

    def ended(self, status: int, *, stopping: bool) -> None:
        """It was reaped with this wait(2) status."""
        self.pid = 0
        self._drop_channel()
        if stopping:
            return
        self._log.message("crit", f"the front ended ({_describe(status)}); starting another")
        now = time.monotonic()
        self.due = now + (CRASH_PAUSE if now - self._started < CRASH_PAUSE else 0.0)

    def _drop_channel(self) -> None:
        if self._channel is not None:
            self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"
