"""The control socket and the panel: the master starts the panel at the first connection, and ends it.

What: keeps the pair to the panel, reads its requests against a budget, replaces a panel that fails.
Runs in: master (root).
Never: accepts a connection or reads an operator's byte; believes the panel about who asked: it reads the credentials itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from superd.errors import ControlError
from superd.ipc import panel_requests
from superd.ipc.front_orders import Fd, Panel
from superd.ipc.message_pair import message_pair
from superd.master.panel_child import start_panel
from superd.master.panel_listeners import PanelListeners
from superd.master.request_budget import RequestBudget
from superd.master.wait_status import describe
from superd.system import oom_score
from superd.system.closing import let_socket_go
from superd.system.peer_credentials import credentials_of

if TYPE_CHECKING:
    from superd.ipc.front_orders import Order
    from superd.launch_spec import Account
    from superd.log.log import Log
    from superd.operators import Operators
    from superd.settings import HttpSettings, Settings

CRASH_PAUSE = 1.0
"""Seconds before a panel that died within its first second is started again."""
STOPPED_GRACE = 5.0
"""Seconds that a panel may stand still by a signal."""


class Requests(Protocol):
    """Carries out requests of an operator with this uid, -1 where nothing is changed; ``OperatorRequests`` is one."""

    def on_request(self, request: panel_requests.Request, uid: int) -> None: ...
    def forget(self) -> None: ...


class ControlSocket:
    """The control socket, and the one panel that lives, or none (``pid`` 0)."""

    def __init__(
        self,
        log: Log,
        poll: select.poll,
        account: Account | None,
        tell_front: Callable[[Order], object],
        requests: Requests,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``account`` is the front's; None: all of superd is one ordinary user."""
        self._log = log
        self._poll = poll
        self._user = (account.uid, account.gid) if account is not None else None
        self._tell_front = tell_front
        self._requests = requests
        self._clock = clock
        self._listeners = PanelListeners(log, poll, private=account is None)
        self._wanted: dict[str, HttpSettings] = {}
        self._channel: socket.socket | None = None
        self._budget = RequestBudget(0.0)
        self._operators: Operators | None = None
        self._started = 0.0
        self._stopped_by: float | None = None
        self.stderr = 2
        """What panels get as fd 2."""
        self.pid = 0
        self.start_at: float | None = None
        """When the listeners are polled again after a panel died too soon (monotonic)."""

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic); None for never."""
        return min((moment for moment in (self.start_at, self._stopped_by) if moment is not None), default=None)

    @property
    def path(self) -> str:
        """The path of the control socket, or ""."""
        return self._listeners.path

    # ------------------------------------------------------------------ listeners

    def open(self, settings: Settings) -> None:
        """Bind the control socket, once. Without it superd serves all the same."""
        self._listeners.open(settings)

    def configure(self, settings: Settings, operators: Operators) -> None:
        """Take who may ask, and the addresses of the pages; a panel that lives gets both at once."""
        pages = {"metrics": settings.metrics, "page": settings.page}
        if (operators, pages) == (self._operators, self._wanted):
            return
        self._operators = operators
        self._listeners.configure(pages)
        self._wanted = pages
        if self.pid:
            self._begin()
        elif self.start_at is None:
            self._listeners.listen()

    # ------------------------------------------------------------------ events of the master's loop

    def on_readable(self, fd: int) -> bool:
        """An operator waits for a panel, or the panel asks something. False: this descriptor is not one of these."""
        if fd in self._listeners.waiting:
            self._listeners.ignore()
            self._start()
            return True
        if self._channel is None or fd != self._channel.fileno():
            return False
        self._read()
        return True

    def on_timer(self, now: float) -> None:
        """Poll again what a panel that died too soon left, and replace one that stands still."""
        if self.start_at is not None and now >= self.start_at:
            self.start_at = None
            self._listeners.listen()
        if self._stopped_by is not None and now >= self._stopped_by:
            self._stopped_by = None
            self._kill("it was stopped by a signal")

    def stopped(self, pid: int, now: float) -> None:
        """A child of the master was stopped by a signal."""
        if pid == self.pid and self._stopped_by is None:
            self._stopped_by = now + STOPPED_GRACE

    def ended(self, pid: int, status: int) -> bool:
        """A child of the master ended; True when it was the panel."""
        if not pid or pid != self.pid:
            return False
        self.pid, self._stopped_by = 0, None
        self._drop_channel()
        self._requests.forget()
        if status != 0:
            self._log.message("error", f"the panel ended ({describe(status)}); the next operator gets another")
        now = self._clock()
        if status != 0 and now - self._started < CRASH_PAUSE:
            self.start_at = now + CRASH_PAUSE
        else:
            self._listeners.listen()
        return True

    def front_started(self) -> None:
        """A new front has no pair to the panel: make one."""
        if self.pid:
            self._connect()

    # ------------------------------------------------------------------ the panel

    def _start(self) -> None:
        self._started = self._clock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.pid = start_panel(theirs, self._user, metrics=self._listeners.has_metrics, stderr=self.stderr)
            oom_score.reset(self.pid)
        except OSError as problem:
            ours.close()
            self._log.message("error", f"the panel cannot be started: {problem.strerror}; trying again in {CRASH_PAUSE:g} s")
            self.start_at = self._started + CRASH_PAUSE
            return
        finally:
            theirs.close()
        ours.setblocking(False)
        self._channel = ours
        self._budget = RequestBudget(self._started)
        self._poll.register(ours, select.POLLIN)
        self._begin()
        self._connect()

    def _begin(self) -> None:
        operators = self._operators
        assert operators is not None
        listeners = self._listeners.all()
        value = {
            "listeners": [name for name, _ in listeners],
            "allow": {kind: list(page.allow) for kind, page in self._wanted.items()},
            "names": {kind: list(page.names) for kind, page in self._wanted.items()},
            "host": os.uname().nodename,
            "operators": {
                "admins": sorted(operators.admins),
                "admin_groups": sorted(operators.admin_groups),
                "viewers": sorted(operators.viewers),
                "viewer_groups": sorted(operators.viewer_groups),
                "own": sorted(operators.own),
            },
        }
        self._send(panel_requests.BEGIN, value, [sock.fileno() for _, sock in listeners])

    def _connect(self) -> None:
        for_front, for_panel = message_pair()
        try:
            self._send(panel_requests.FRONT, {}, [for_panel.fileno()])
            self._tell_front(Panel(Fd(for_front.fileno())))
        finally:
            for_front.close()
            for_panel.close()

    def answer(self, number: int, value: object) -> None:
        """Answer request ``number`` of the panel that lives; one of an earlier panel has no effect there."""
        self._send(panel_requests.ANSWER, {"number": number, "value": value})

    def refuse(self, number: int, error: str, text: str = "") -> None:
        """Answer that a request is not carried out."""
        self._send(panel_requests.ANSWER, {"number": number, "error": error, "text": text})

    def _send(self, kind: bytes, value: object, fds: list[int] = []) -> None:  # noqa: B006 - never changed
        if self._channel is None:
            return
        try:
            panel_requests.send_message(self._channel, kind, value, fds)
        except BlockingIOError:
            self._kill("it reads no answers")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it ended: SIGCHLD follows

    def _read(self) -> None:
        assert self._channel is not None
        began = self._clock()
        try:
            request, sock = panel_requests.receive_request(self._channel)
        except BlockingIOError:
            return
        except ControlError as problem:
            self._kill(f"it broke its protocol ({problem})")
            return
        except (EOFError, ConnectionResetError):
            self._drop_channel()  # it ended, or ends just now
            self._kill_silently()
            return
        uid = -1
        if sock is not None:
            uid = self._operator(sock)
            let_socket_go(sock)
            if uid < 0:
                self.refuse(request.number, "PermissionDenied")
                return
        now = self._clock()
        if not self._budget.charge(panel_requests.TABLE[request.word].cost, now):
            self._kill("it asks too much")
            return
        self._requests.on_request(request, uid)
        now = self._clock()
        if not self._budget.charge_time(now - began, now):
            self._kill("its requests take too long")

    def _operator(self, sock: socket.socket) -> int:
        """Return the uid of the operator at the other end, who must be connected still; -1 for one who may change nothing."""
        if self._operators is None or sock.family != socket.AF_UNIX:
            return -1
        try:
            if sock.getsockname() != self.path:
                return -1  # not a connection of the control socket
            _, uid, gids = credentials_of(sock)
        except OSError:
            return -1
        watch = select.poll()
        watch.register(sock, 0)
        if watch.poll(0):
            return -1  # they have gone: a panel cannot use their rights afterwards
        return uid if self._operators.may_change(uid, gids) else -1

    def _kill(self, why: str) -> None:
        self._log.message("alert", f"the panel is being replaced: {why}")
        self._kill_silently()
        self._drop_channel()

    def _kill_silently(self) -> None:
        if self.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)  # the master's child, so the number is still its own; SIGCHLD follows

    def _drop_channel(self) -> None:
        if self._channel is not None:
            self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None

    # ------------------------------------------------------------------ the end

    def close_copies(self) -> None:
        """In a forked child: close what only the master may hold."""
        if self._channel is not None:
            self._channel.close()
        self._listeners.close_copies()

    def close(self) -> None:
        """End the panel and remove the socket: superd ends."""
        self.start_at = None
        self._drop_channel()
        self._kill_silently()
        self._listeners.close()
