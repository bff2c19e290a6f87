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
from superd.wire import launch_message as messages

MAX_QUEUE = 512
"""Launches that wait for a launcher; from here on the front accepts no more until it is emptier."""
AGAIN = 0.02
"""Seconds until the next try when the kernel has no room for what is on its way (ETOOMANYREFS and the like)."""
MESSAGES_A_PASS = 16
"""Messages of reports between two looks at everything else."""

_NO_ROOM = frozenset({errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM})

OnReport = Callable[[messages.Report, int], None]
"""(report, descriptor or -1); the descriptor is the callee's."""


class Launcher(Protocol):
    """What the front needs of a launcher; the tests' fake has the same."""

    @property
    def backlog(self) -> int: ...
    def launch(self, request: messages.Launch, fd: int) -> bool: ...
    def send(self, request: messages.Hook | messages.Signal | messages.List) -> None: ...
    def flush(self) -> None: ...
    async def run(self) -> None: ...


class LauncherClient:
    """One launcher's client. Takes over every descriptor it is given.

    ``on_batch`` is called when reports were read or queued requests were sent: room may have come. ``on_broken`` gets
    what was wrong with a message of the launcher's that is not in the table; the message counts for nothing.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_report: OnReport,
        on_batch: Callable[[], None],
        on_broken: Callable[[str], None] | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_report = on_report
        self._on_batch = on_batch
        self._on_broken = on_broken
        self._queue: deque[tuple[str, int]] = deque()
        self._blocked = False
        self._no_room = False
        self._unblock = trio.Event()

    @property
    def backlog(self) -> int:
        """Requests that are not sent yet."""
        return len(self._queue)

    def launch(self, request: messages.Launch, fd: int) -> bool:
        """Queues a launch; ``fd`` is the client's from here. False: enough is queued, take no more for now."""
        self._queue.append((messages.encode_launch(request), fd))
        return len(self._queue) < MAX_QUEUE

    def send(self, request: messages.Hook | messages.Signal | messages.List) -> None:
        """Queues any other request and sends what can be sent."""
        self._queue.append((messages.encode_request(request), -1))
        self.flush()

    def flush(self) -> None:
        """Sends what the socket takes now; the rest goes when it is writable again."""
        if self._blocked:
            return
        queue = self._queue
        while queue:
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
        """Reads reports, and sends on when the socket is writable again, until the other end is gone."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            await self._read()
            nursery.cancel_scope.cancel()

    async def _write(self) -> None:
        while True:
            await self._unblock.wait()
            self._unblock = trio.Event()
            if self._no_room:
                await trio.sleep(AGAIN)
            else:
                await trio.lowlevel.wait_writable(self._sock)
            self._blocked = False
            self.flush()
            self._on_batch()

    async def _read(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            for _ in range(MESSAGES_A_PASS):
                try:
                    data, ancillary, _, _ = self._sock.recvmsg(
                        messages.MAX_MESSAGE + 1, socket.CMSG_SPACE(64), socket.MSG_CMSG_CLOEXEC
                    )
                except BlockingIOError:
                    break
                except ConnectionResetError:
                    return
                if not data:
                    return
                self._take(data, ancillary)
            self._on_batch()

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
