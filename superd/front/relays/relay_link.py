"""The front's end of one relay: queues sessions, sends them in batches, reads reports. Knows no session and no policy.

Runs in: the front.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

import trio

from superd.errors import ControlError
from superd.front.sendable import Sendable
from superd.ipc import relay_messages as messages
from superd.ipc.descriptors import send_with
from superd.system.closing import let_all_go

MAX_QUEUE = 1024
"""Sessions that wait for one relay in the front; the pair holds a few hundred more."""
MESSAGES_A_PASS = 16
"""Messages of reports between two looks at everything else."""


class RelayLink:
    """One pair to a relay. ``number`` is the relay's; ``alive`` turns False when the pair is of no use any more.

    ``on_report`` raises ``ControlError`` for a report that may not come now.
    """

    def __init__(self, number: int, sock: socket.socket, on_report: Callable[[RelayLink, messages.Report], None]) -> None:
        sock.setblocking(False)
        self.number = number
        self.alive = True
        self._sock = sock
        self._on_report = on_report
        self._queue: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._sendable = Sendable(sock)
        self._scope = trio.CancelScope()
        self._wrong = ""

    def send(self, request: messages.Request, fds: tuple[int, ...] = ()) -> bool:
        """Send a request, or queue it. Takes ``fds`` over. False: too much is queued; then the descriptors are closed."""
        if not self.alive or len(self._queue) >= MAX_QUEUE:
            let_all_go(fds)
            return False
        self._queue.append((messages.encode_request(request), fds))
        self._flush()
        return True

    @property
    def settled(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._queue or not self.alive

    def signal(self, conn: int, number: int) -> None:
        """End a session: relays know no gentler way."""
        self.send(messages.End(conn))

    def _flush(self) -> None:
        queue = self._queue
        while queue and self._sendable.now:
            records: list[bytes] = []
            fds: list[int] = []
            size = 0
            for record, more in queue:
                size += len(record)
                if records and (size > messages.MAX_MESSAGE or len(records) == messages.MAX_RECORDS):
                    break
                records.append(record)
                fds += more
            try:
                send_with(self._sock, b"".join(records), fds)
            except OSError as problem:
                self._sendable.later(problem)
                return  # to go on when there is room; or the relay is gone: ``run`` sees the end of the pair
            for _ in records:
                let_all_go(queue.popleft()[1])

    async def keep_sending(self) -> None:
        """Send on when there is room again, until cancelled."""
        while await self._sendable.again():
            self._flush()

    async def run(self) -> str:
        """Pass reports on until the pair ends or is closed. Returns what was wrong with the relay's last message, or ``""``."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.keep_sending)
                    while not self._wrong and await self._read():
                        pass
                    nursery.cancel_scope.cancel()
        finally:
            self.close()
        return self._wrong

    async def _read(self) -> bool:
        await trio.lowlevel.wait_readable(self._sock)
        for _ in range(MESSAGES_A_PASS):
            try:
                # No room for descriptors: a relay has none to give.
                data = self._sock.recv(messages.MAX_MESSAGE + 1)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            if not data:
                return False
            try:
                for report in messages.parse_reports(data):
                    self._on_report(self, report)
            except ControlError as problem:
                self._wrong = str(problem)
                return False
        return True

    def close(self) -> None:
        """Give up: what is queued is closed, and its clients see the end."""
        self.alive = False
        self._scope.cancel()
        self._sock.close()
        for _, fds in self._queue:
            let_all_go(fds)
        self._queue.clear()
