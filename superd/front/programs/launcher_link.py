"""The front's end of a launcher: queues requests, sends them in batches, reads reports. Knows no policy."""

from __future__ import annotations

import array
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import trio

from superd.errors import ControlError
from superd.ipc import launch_codec as messages

MAX_QUEUE = 512
"""Launches that wait for a launcher; from here on the front accepts no more until it is emptier."""
WINDOW = 256
"""Launches sent and not heard of: a tenth of a second's work. Who takes nothing more must not use up the descriptors that the
kernel lets one user have on their way, for they are all launchers'."""
AGAIN = 0.02
"""Seconds until the next try when the kernel has no room for what is on its way (ETOOMANYREFS and the like)."""
MESSAGES_A_PASS = 16
"""Messages of reports between two looks at everything else."""

_NO_ROOM = frozenset({errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM})

OnReport = Callable[[messages.Report, int], None]
"""(report, descriptor or -1); the descriptor is the callee's."""


class Launcher(Protocol):
    """What the front needs of a launcher; the tests' fake has the same."""

    in_flight: int

    @property
    def backlog(self) -> int: ...
    def launch(self, request: messages.Launch, fd: int) -> bool: ...
    def send(self, request: messages.Hook | messages.Signal | messages.List) -> None: ...
    def flush(self) -> None: ...
    def read(self) -> bool: ...
    async def run(self) -> None: ...


class LauncherClient:
    """One launcher's client. Takes over every descriptor it is given.

    ``on_room`` is called when queued requests were sent after a wait. ``on_broken`` gets what was wrong with a message
    of the launcher's that is not in the table; the message counts for nothing. ``in_flight`` is how many launches were
    queued or sent and not heard of since.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_report: OnReport,
        on_room: Callable[[], None],
        on_broken: Callable[[str], None] | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_report = on_report
        self._on_room = on_room
        self._on_broken = on_broken
        self._queue: deque[tuple[str, int]] = deque()
        self._blocked = False
        self._no_room = False
        self._unblock = trio.Event()
        self.in_flight = 0

    @property
    def backlog(self) -> int:
        """Requests that are not sent yet."""
        return len(self._queue)

    def launch(self, request: messages.Launch, fd: int) -> bool:
        """Queues a launch; ``fd`` is the client's from here. False: enough is queued, take no more for now."""
        self.in_flight += 1
        self._queue.append((messages.encode_launch(request), fd))
        return len(self._queue) < MAX_QUEUE

    def send(self, request: messages.Hook | messages.Signal | messages.List) -> None:
        """Queues any other request and sends what can be sent."""
        self._queue.append((messages.encode_request(request), -1))
        self.flush()

    def signal(self, conn: int, number: int) -> None:
        """Asks for a signal to the program of connection ``conn``."""
        self.send(messages.Signal(conn, number))

    def flush(self) -> None:
        """Sends what the socket takes now; the rest goes when it is writable again."""
        if self._blocked:
            return
        queue = self._queue
        while queue and self.in_flight - len(queue) < WINDOW:
            records: list[str] = []
            fds: list[int] = []
            size = 2
            for record, fd in queue:
                size += len(record) + 1
                if records and (
                    size > messages.MAX_MESSAGE or len(fds) == messages.MAX_LAUNCHES or len(records) == messages.MAX_RECORDS
                ):
                    break
                records.append(record)
                if fd >= 0:
                    fds.append(fd)
            data = messages.batch(records)
            try:
                if fds:
                    rights = array.array("i", fds)
                    self._sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                else:
                    self._sock.send(data)
            except BlockingIOError:
                self._wait_for_room(no_room=False)
                return
            except OSError as problem:
                if problem.errno in _NO_ROOM:
                    self._wait_for_room(no_room=True)
                    return
                if isinstance(problem, ConnectionError):
                    return  # this pair is given up: ``run`` sees the end of it
                raise
            for _ in records:
                queue.popleft()
            for fd in fds:
                os.close(fd)

    def _wait_for_room(self, *, no_room: bool) -> None:
        self._blocked, self._no_room = True, no_room
        self._unblock.set()

    def close(self) -> None:
        """Gives up: what is still queued is closed, the clients see the end."""
        self._sock.close()
        for _, fd in self._queue:
            if fd >= 0:
                os.close(fd)
        self._queue.clear()

    async def run(self) -> None:
        """Sends on when there is room again, for as long as it is not cancelled."""
        while True:
            await self._unblock.wait()
            self._unblock = trio.Event()
            if self._no_room:
                await trio.sleep(AGAIN)
            else:
                await trio.lowlevel.wait_writable(self._sock)
            self._blocked = False
            self.flush()
            self._on_room()

    def fileno(self) -> int:
        """The socket's descriptor: readable when the launcher has said something."""
        return self._sock.fileno()

    def read(self) -> bool:
        """Passes on what the launcher has said; False when the other end is gone."""
        for _ in range(MESSAGES_A_PASS):
            try:
                data, ancillary, _, _ = self._sock.recvmsg(
                    messages.MAX_MESSAGE + 1, socket.CMSG_SPACE(64), socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                break
            except ConnectionResetError:
                return False
            if not data:
                return False
            self._take(data, ancillary)
        if self._queue:
            self.flush()
        return True

    def _take(self, data: bytes, ancillary: list[tuple[int, int, bytes]]) -> None:
        left: list[int] = []
        if ancillary:
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            left = fds.tolist()
        try:
            for report in messages.parse_reports(data):
                if type(report) is messages.Started or type(report) is messages.Failed:
                    self.in_flight -= 1
                if type(report) is not messages.StderrPipe:
                    self._on_report(report, -1)
                elif left:
                    self._on_report(report, left.pop(0))
        except ControlError as problem:
            # Its identity is a service's: what it says is checked, and the front goes on without this message.
            if self._on_broken is not None:
                self._on_broken(str(problem))
        finally:
            for fd in left:
                os.close(fd)
