"""One launcher as the front sees it: queues requests, sends them in batches, reads reports.

Runs in: the front. Decides nothing; never waits for the launcher, and believes nothing of it that is not in the table.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.errors import ControlError
from superd.front.programs.fair_queue import FairQueue
from superd.front.sendable import Sendable
from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import receive_with, send_with
from superd.system.closing import let_all_go, let_copy_go, let_go

if TYPE_CHECKING:
    from superd.occupancy import Source

MAX_QUEUE = 512
"""Launches that wait for one launcher; from here on the front accepts no more for it until the queue is half empty."""
MAX_OF_SERVICE = 256
"""Launches of one service that wait there: then it alone is not accepted for, and leaves room to the others of its user."""
WINDOW = 256
"""Launches sent but not yet reported on by one launcher: about 0.1 s of work. Bounded, because descriptors in flight count
against a limit of the kernel for each user, which all launchers share (ETOOMANYREFS)."""
MESSAGES_A_PASS = 16
"""Messages of reports read before the loop looks at everything else."""
MAX_PIPES = 16
"""Descriptors in one message of a launcher."""

_ANSWERS = frozenset({messages.Started, messages.Failed})

OnReport = Callable[[messages.Report, int], None]
"""(report, descriptor or -1); the function takes the descriptor over."""


class LauncherLink:
    """The link to one launcher. Takes over every descriptor it is given.

    ``in_flight`` counts launches that were queued or sent and that no report answered. ``on_room`` is called when queued
    requests were sent after a wait, ``on_broken`` with what was wrong with a message that is not in the table, ``on_waiting``
    when the launcher has work and had none before.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_report: OnReport,
        on_room: Callable[[], None],
        on_broken: Callable[[str], None],
        on_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_report = on_report
        self._on_room = on_room
        self._on_broken = on_broken
        self._on_waiting = on_waiting
        self._queue: FairQueue[tuple[str, int, int]] = FairQueue()
        self._taken: list[tuple[str, int, int]] = []
        """The next message's requests: their turn has come, and the kernel had no room."""
        self._lanes: dict[int, tuple[str, Source | None]] = {}
        """Connection → where its launch waits."""
        self._lingering: dict[int, int] = {}
        """Connection → our copy of a socket that lingers, until the launcher reports the end."""
        self._sendable = Sendable(sock)
        self.in_flight = 0
        self.silent_since: float | None = None
        """Since when launches were sent and no report came (monotonic seconds)."""

    @property
    def backlog(self) -> int:
        """Requests that are not sent yet."""
        return self._queue.length + len(self._taken)

    def waits(self, conn: int) -> bool:
        """Whether the launch of a connection is not sent yet."""
        return conn in self._lanes

    def is_full(self, service: str) -> bool:
        """Whether no more launches of the service should come."""
        return self.backlog >= MAX_QUEUE or self._queue.count(service) >= MAX_OF_SERVICE

    def has_room(self, service: str) -> bool:
        """Whether launches of the service may come again, after it was full."""
        return self.backlog < MAX_QUEUE // 2 and self._queue.count(service) < MAX_OF_SERVICE // 2

    def fileno(self) -> int:
        """Return the descriptor, which is readable when the launcher has sent reports."""
        return self._sock.fileno()

    def launch(self, request: messages.Launch, fd: int, source: Source | None = None) -> bool:
        """Queue a launch; ``fd`` is this object's from here. False: the queue is long, accept no more for now."""
        service, queue = request.service, self._queue
        self.in_flight += 1
        self._lanes[request.conn] = (service, source)
        queue.put(service, source, (messages.encode_launch(request), fd, request.conn))
        return queue.length < MAX_OF_SERVICE or not self.is_full(service)

    def signal(self, conn: int, number: int) -> None:
        """Send a signal to the program of connection ``conn``; it follows its launch."""
        item = (messages.encode_request(messages.Signal(conn, number)), -1, 0)
        lane = self._lanes.get(conn)
        if lane is None or not self._queue.put_after(*lane, item):
            self._queue.put_first(item)
        self.flush()

    def send(self, request: messages.RunCommand | messages.List) -> None:
        """Queue any other request, and send what can be sent."""
        self._queue.put_first((messages.encode_request(request), -1, 0))
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now; the rest goes when it is writable again."""
        if not self._sendable.now or self._sock.fileno() < 0:
            return
        while (self._queue.length or self._taken) and self.in_flight - self.backlog < WINDOW:
            taken = self._next_message()
            fds = [fd for _, fd, _ in taken if fd >= 0]
            try:
                send_with(self._sock, messages.batch([record for record, _, _ in taken]), fds)
            except OSError as problem:
                if self._sendable.later(problem) or isinstance(problem, ConnectionError):
                    return  # to go on when there is room, or: this pair is given up, and the loop sees the end of it
                raise
            self._taken = self._taken[len(taken) :]
            for _, fd, conn in taken:
                if fd >= 0:
                    del self._lanes[conn]
                    # On one processor the program may have ended by now, and this be the last copy.
                    if not let_copy_go(fd):
                        self._lingering[conn] = fd
            if fds and self.silent_since is None:
                self.silent_since = time.monotonic()
                self._on_waiting()

    def _next_message(self) -> list[tuple[str, int, int]]:
        """Return what one message can hold of the requests whose turn it is."""
        taken, queue = self._taken, self._queue
        size, launches, count = 2, 0, 0
        while count < messages.MAX_RECORDS:
            if count == len(taken):
                if not queue.length:
                    break
                taken.append(queue.take())
            record, fd, _ = taken[count]
            size += len(record) + 1
            launches += fd >= 0
            if count and (size > messages.MAX_MESSAGE or launches > messages.MAX_LAUNCHES):
                break
            count += 1
        return taken[:count]

    def close(self) -> None:
        """Give up: what is still queued is closed, so its clients see an end of file."""
        self._sock.close()
        let_all_go(fd for _, fd, _ in (*self._taken, *self._queue) if fd >= 0)
        let_all_go(self._lingering.values())
        self._queue.clear()
        self._taken.clear()
        self._lanes.clear()
        self._lingering.clear()

    async def run(self) -> None:
        """Send on when there is room again, until cancelled."""
        while await self._sendable.again():
            self.flush()
            self._on_room()

    def read(self) -> bool:
        """Pass on the reports that came; False when the other end is gone."""
        for _ in range(MESSAGES_A_PASS):
            try:
                data, fds, _ = receive_with(self._sock, messages.MAX_MESSAGE, MAX_PIPES)
            except BlockingIOError:
                break
            except ConnectionResetError:
                return False
            except ControlError as problem:
                self._on_broken(str(problem))
                continue
            if not data:
                let_all_go(fds)
                return False
            self._take(data, fds)
        if self._queue.length or self._taken:
            self.flush()
        return True

    def _take(self, data: bytes, left: list[int]) -> None:
        try:
            reports = messages.parse_reports(data)
            if answers := sum([type(report) in _ANSWERS for report in reports]):
                self.answered(answers)
            for report in reports:
                kind = type(report)
                if self._lingering and isinstance(report, (messages.Exited, messages.Failed)):
                    self._let_lingering_go(report)
                if kind is not messages.StderrPipe and kind is not messages.Stdio:
                    self._on_report(report, -1)
                elif left:
                    self._on_report(report, left.pop(0))
        except ControlError as problem:
            # It is what a service's user is: what it sends is checked, and the front goes on without this message.
            self._on_broken(str(problem))
        finally:
            let_all_go(left)

    def _let_lingering_go(self, report: messages.Exited | messages.Failed) -> None:
        fd = self._lingering.pop(report.conn, None)
        if fd is not None:
            let_go(fd)

    def answered(self, launches: int = 1) -> None:
        """So many launches were reported on, or are known to be lost."""
        self.in_flight = max(0, self.in_flight - launches)
        self.silent_since = time.monotonic() if self.in_flight > self.backlog else None
