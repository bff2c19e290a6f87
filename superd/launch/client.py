"""The front's end of a launcher: queues requests, sends them in batches, reads reports. Knows no policy."""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import trio

from superd.wire import launch_message as messages

MAX_QUEUE = 512
"""Launches that wait for a launcher; from here on the front accepts no more until it is emptier."""

OnReport = Callable[[messages.Report, int], None]
"""(report, descriptor or -1)."""


class Launcher(Protocol):
    """What the front needs of a launcher; the tests' fake has the same."""

    @property
    def backlog(self) -> int: ...
    def launch(self, request: messages.Launch, fd: int) -> bool: ...
    def send(self, request: messages.Hook | messages.Signal | messages.List) -> None: ...
    def flush(self) -> None: ...
    async def run(self) -> None: ...


class LauncherClient:
    """One launcher's client. Takes over every descriptor it is given."""

    def __init__(self, sock: socket.socket, on_report: OnReport, on_batch: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_report = on_report
        self._on_batch = on_batch
        self._queue: deque[tuple[str, int]] = deque()
        self._blocked = False
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
                if records and (size > messages.MAX_MESSAGE or len(fds) == messages.MAX_LAUNCHES):
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
                self._blocked = True
                self._unblock.set()
                return
            except OSError:
                return  # the launcher is gone; the master starts another at the same socket
            for _ in records:
                queue.popleft()
            for fd in fds:
                os.close(fd)

    async def run(self) -> None:
        """Reads reports, and sends on when the socket is writable again, until the socket is closed."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            await self._read()
            nursery.cancel_scope.cancel()

    async def _write(self) -> None:
        while True:
            await self._unblock.wait()
            self._unblock = trio.Event()
            await trio.lowlevel.wait_writable(self._sock)
            self._blocked = False
            self.flush()
            self._on_batch()

    async def _read(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            for _ in range(16):
                try:
                    data, ancillary, _, _ = self._sock.recvmsg(
                        messages.MAX_MESSAGE + 1, socket.CMSG_SPACE(64), socket.MSG_CMSG_CLOEXEC
                    )
                except BlockingIOError:
                    break
                if not data:
                    return
                fds = array.array("i")
                for _level, _kind, payload in ancillary:
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                left = list(fds)
                for report in messages.parse_reports(data):
                    with_fd = isinstance(report, messages.StderrPipe) and left
                    self._on_report(report, left.pop(0) if with_fd else -1)
                for fd in left:
                    os.close(fd)
            self._on_batch()
