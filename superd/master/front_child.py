"""The front as the master sees it: a child process and the channel to it. Distrusts every word of it.

What: starts it, sends it orders, reads its requests against a budget, asks for signs of life, and kills a front that breaks
the protocol, does not answer, stands still, or does not end in time.
Runs in: master.
Never: decides what an order or a request does.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.errors import ControlError
from superd.ipc import front_orders, front_requests, order_channel
from superd.log.event import Kind
from superd.master.back_off import BackOff
from superd.master.front_fork import Run, fork_front
from superd.master.heartbeat import ANSWER, LATE, Heartbeat
from superd.master.kept_memory import KeptMemory
from superd.master.request_budget import RequestBudget
from superd.master.state_dump import StateDump
from superd.master.wait_status import describe
from superd.system.process_state import describe_state, state_of

if TYPE_CHECKING:
    from superd.log.log import Log

STOPPED_GRACE = 1.0
"""Seconds a front may stand still by a signal: all services stand with it, and it leads a session of its own."""
AGAIN = 0.05
"""Seconds until orders are sent again when the kernel has no room for descriptors in flight."""


class FrontChild:
    """The one front that lives, or none (``pid`` 0)."""

    def __init__(self, run: Run, log: Log, poll: select.poll, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._log = log
        self._poll = poll
        self._clock = clock
        self._channel: socket.socket | None = None
        self._writer: order_channel.OrderWriter | None = None
        self._events, self._started = 0, 0.0
        self._budget = RequestBudget(0.0)
        self._back_off = BackOff()
        self._life = Heartbeat(clock())
        self._stopped_by: float | None = None
        self._end_by: float | None = None
        self._send_at: float | None = None
        self._dump = StateDump()
        self.kept = KeptMemory()
        self.pid = 0
        self.start_at: float | None = None
        """When the next front is to be started (monotonic)."""

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic); None for never."""
        times = (self.start_at, self._life.due, self._stopped_by, self._end_by, self._send_at)
        return min((moment for moment in times if moment is not None), default=None)

    @property
    def alive_at(self) -> float:
        """When a front was last seen alive, or begun."""
        return self._life.seen_at

    @property
    def patience(self) -> float:
        """Seconds without a sign of life after which the master itself has replaced the front, or has tried to."""
        return self._life.patience

    def fileno(self) -> int:
        """Return the channel's descriptor, -1 without one."""
        return self._channel.fileno() if self._channel is not None else -1

    # ------------------------------------------------------------------ start and end

    def start(self, order: front_orders.Begin, in_child: Callable[[], None]) -> None:
        """Fork the front. ``in_child`` closes what the front must not have. Raises ``OSError`` when there is no room for it."""
        self.start_at = None
        order = self.kept.renew(order)
        ours, theirs = order_channel.pair()
        self._log.flush()
        try:
            pid = fork_front(self._run, order, ours, theirs, in_child)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        now = self._clock()
        self.pid, self._started, self._channel = pid, now, ours
        self._writer, self._events = order_channel.OrderWriter(ours), select.POLLIN
        self._budget = RequestBudget(now)
        self._poll.register(ours, select.POLLIN)
        self._life.begin(order.policy, now)
        self._ask_for_life(now)

    def says_ready(self, seconds: float) -> bool:
        """Wait for the front's first request; return whether it is that it is ready. Blocks: only where nothing is served."""
        assert self._channel is not None
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            return False
        try:
            return front_requests.receive_request(self._channel).word == "ready"
        except (ControlError, EOFError, OSError):
            return False

    def end_now(self) -> None:
        """Kill the front and reap it."""
        self._kill_silently()
        os.waitpid(self.pid, 0)
        self.pid = 0

    def prepare_retirement(self) -> dict[str, int]:
        """Have the front make room when the next program of this process says so; return what that needs for it.

        Raises ``OSError`` when the front takes no order now: then it goes on as it is.
        """
        if self._channel is None or self._writer is None or self._writer.blocked:
            raise BlockingIOError(errno.EAGAIN, "the front does not take orders just now")
        told, go = os.pipe()
        memory = -1
        theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            memory = os.memfd_create("superd-kept", os.MFD_CLOEXEC)
            order = front_orders.Retire(front_orders.Fd(told), front_orders.Fd(memory), front_orders.Fd(theirs.fileno()))
            if not self.tell(order) or self._writer.blocked:
                raise BlockingIOError(errno.EAGAIN, "the front does not take orders just now")
        except OSError:
            os.close(go)  # the front sees its end, and goes on
            ours.close()
            if memory >= 0:
                os.close(memory)
            raise
        finally:
            os.close(told)
            theirs.close()
        return {
            **{"pid": self.pid, "go": go, "memory": memory},
            **{"channel": self._channel.fileno(), "waiting": ours.detach()},
        }

    def hand_off(self) -> None:
        """Leave the front that ``prepare_retirement`` prepared, with its channel, to the caller."""
        assert self._channel is not None
        self._poll.unregister(self._channel)
        self._channel.detach()
        self.pid, self._channel, self._writer = 0, None, None
        self._drop_channel()

    def cannot_start(self, why: str) -> None:
        """Log that no front can be started now, and try again later."""
        self._log.message("alert", f"the front cannot be started, and clients wait: {why}; trying again")
        self.start_at = self._clock() + max(1.0, self._back_off.died(0.0))

    def ended(self, status: int, *, stopping: bool) -> None:
        """Take note that the front was reaped with this wait(2) status."""
        self.pid = 0
        self._drop_channel()
        self._end_by = None
        if stopping:
            return
        now = self._clock()
        pause = self._back_off.died(now - self._started)
        self.kept.ended(status, young=self._back_off.deaths)
        again = self._back_off.consequence(pause)
        self._log.message("crit", f"the front ended ({describe(status)}); {again}", kind=Kind.PROCESS_REPLACED)
        self.start_at = now + pause

    def end_within(self, seconds: float) -> None:
        """Kill the front unless it has ended in ``seconds``."""
        self.start_at = None
        self._end_by = self._clock() + seconds

    def replace(self, why: str) -> None:
        """Kill the front: it broke the protocol. Its end is reported by SIGCHLD, and the next one gets nothing of it."""
        self.kept.trusted = False
        self._kill(f"the front broke its protocol ({why}); it is being replaced")

    def distrust(self, why: str) -> None:
        """Kill the front: what it asked for cannot be answered."""
        if self._channel is not None:
            self._kill(f"{why}; the front is being replaced")

    def _kill(self, why: str) -> None:
        self._log.message("alert", why, kind=Kind.PROCESS_REPLACED)
        self._kill_silently()

    def _drop_channel(self) -> None:
        if self._channel is not None and self._writer is not None:
            self._poll.unregister(self._channel)
            self._writer.close()
            self._channel.close()
            self._channel = self._writer = None
        self._life.stop()
        self._stopped_by = self._send_at = None
        self._dump.forget()

    # ------------------------------------------------------------------ orders

    def tell(self, order: front_orders.Order) -> bool:
        """Send an order, if a front lives; its descriptors stay the caller's. It is not lost while that front lives.

        Returns False when there is no front that could get it.
        """
        if self._writer is None:
            return False
        if isinstance(order, (front_orders.Change, front_orders.PolicyReply)):
            policy = order.policy if isinstance(order, front_orders.Change) else order.files
            if policy is not None:
                self._life.allow(policy)
        try:
            self._writer.send(order)
        except BlockingIOError:
            self.replace("it reads no orders")
        except (BrokenPipeError, ConnectionResetError):
            return False  # it died: SIGCHLD follows, and the next front gets everything anew
        except OSError as problem:
            self._kill(f"an order cannot be sent to the front ({problem.strerror}); it is being replaced")
        else:
            self._set_interest()
            return True
        return False

    def ask_dump(self) -> None:
        """Ask for the state; it comes with the request ``dump``. Raises ``OSError`` without room for it."""
        self.tell(front_orders.Dump(front_orders.Fd(self._dump.ask())))

    def take_dump(self, size: int) -> bytes:
        """Return the state that the front wrote. Raises ``ControlError`` if it was not asked for."""
        return self._dump.take(size)

    def _set_interest(self) -> None:
        if self._channel is None or self._writer is None:
            return
        if self._writer.crowded:
            self._send_at = self._clock() + AGAIN
        events = select.POLLIN | (select.POLLOUT if self._writer.blocked and not self._writer.crowded else 0)
        if events != self._events:
            self._events = events
            self._poll.modify(self._channel, events)

    def _send_rest(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.flush()
        except OSError:
            return  # it died: SIGCHLD follows
        self._set_interest()

    # ------------------------------------------------------------------ requests

    def on_ready(self, handlers: front_requests.RequestHandlers, events: int) -> None:
        """Send what waits, read the next request and have it carried out."""
        if events & select.POLLOUT:
            self._send_rest()
        if self._channel is None or not events & ~select.POLLOUT:
            return
        began = self._clock()
        try:
            request = front_requests.receive_request(self._channel)
            rule = front_requests.TABLE[request.word]
            if not self._budget.charge(rule.cost, began):
                raise ControlError("too many messages")
            rule.handler(handlers, request)
            now = self._clock()
            if not self._budget.charge_time(now - began, now):
                raise ControlError("its requests take too long")
        except ControlError as problem:
            self.replace(str(problem))
        except BlockingIOError:
            pass
        except EOFError:
            # It ended, or ends just now; or it lives and sends an empty message: then it ends by this.
            self._kill_silently()
        except OSError as problem:
            if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                raise
            self._kill_silently()

    def _kill_silently(self) -> None:
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except OSError as problem:
                # Without CAP_KILL. It sees the end of its channel, and ends unless it stands still.
                self._log.message("alert", f"the front (pid {self.pid}) cannot be killed: {problem.strerror}")
        self._drop_channel()

    # ------------------------------------------------------------------ signs of life

    def alive(self, number: int) -> None:
        """Take note of a sign of life. Raises ``ControlError`` for one that was not asked for."""
        self._life.answered(number, self._clock())

    def stopped(self) -> None:
        """Take note that a signal stopped the front."""
        if self._stopped_by is None:
            self._stopped_by = self._clock() + STOPPED_GRACE

    def on_timer(self, now: float) -> None:
        """Do what is due, except ``start_at``."""
        if self._send_at is not None and now >= self._send_at:
            self._send_at = None
            self._send_rest()
        if self._stopped_by is not None and now >= self._stopped_by:
            self._stopped_by = None
            if state_of(self.pid) == "T":
                self._kill("the front was stopped by a signal; it is being replaced")
        if self._end_by is not None and now >= self._end_by:
            self._end_by = None
            self._kill(f"the front does not end ({describe_state(self.pid)}); it is being killed")
        if self._life.overdue(now):
            self._no_answer(now)
        if self._life.wants_sign(now):
            self._ask_for_life(now)

    def _no_answer(self, now: float) -> None:
        assert self._channel is not None
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        if waiting.poll(0):
            self._life.wait(LATE, now)  # its answer may be in what it said
            return
        state = state_of(self.pid)
        if state == "t":
            self._life.wait(ANSWER, now)  # a person looks at it
            return
        self._kill(f"the front has not answered for {ANSWER:g} s ({describe_state(self.pid)}); it is being replaced")

    def _ask_for_life(self, now: float) -> None:
        self.tell(front_orders.Ping(self._life.ask(now)))

    def close_copies(self) -> None:
        """In another child of the master: close what only the master may hold."""
        self.kept.close_copies()
        if self._channel is not None:
            self._channel.close()
