"""The launcher's end of the pair that a front's requests come from: reads messages, sends reports. Obeys nothing.

Runs in: launchers. Standard library only. Never waits for a front, and drops no report.
"""

from __future__ import annotations

import os
import select
import time

from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import AGAIN, NO_ROOM, receive_with, send_with

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from superd.launcher.programs import Programs

MAX_REPORTS = 4096
"""Reports a front may leave unread before its requests are left unread too."""
NEVER = float("inf")

_PIPES_A_MESSAGE = 16
_RECORDS_A_MESSAGE = 256


class FrontEnd:
    """The connection to the front of the moment, or none. ``reports`` are what it has not been sent yet.

    ``on_lost`` is called with the reason when the pair itself fails; after that there is no front until another is given.
    """

    def __init__(self, poll: select.poll, programs: Programs, on_lost: Callable[[str], None]) -> None:
        self._poll = poll
        self._programs = programs
        self._on_lost = on_lost
        self._sock: socket.socket | None = None
        self._events = 0
        self._again = NEVER
        self.blocked = False
        """Whether the socket takes nothing more just now."""
        # The first word to every front: what an earlier launcher started is not known here.
        self.reports: list[str] = [messages.encode_report(messages.Fresh())]

    @property
    def fileno(self) -> int:
        """The descriptor, -1 without a front."""
        return -1 if self._sock is None else self._sock.fileno()

    @property
    def due(self) -> float:
        """When sending is to be tried again (monotonic seconds); infinite for never."""
        return self._again

    @property
    def can_send(self) -> bool:
        """Whether a report would go out now."""
        return bool(self.reports) and self._sock is not None and not self.blocked

    @property
    def unsent(self) -> bool:
        """Whether there is something that the front has not been sent."""
        return bool(self.reports) or self._again != NEVER

    @property
    def full(self) -> bool:
        """Whether the front has left so much unread that its requests wait."""
        return len(self.reports) >= MAX_REPORTS

    def take(self, sock: socket.socket) -> None:
        """Serve ``sock``, which is this object's from here, in the place of the one before."""
        self.drop()
        sock.setblocking(False)
        self._programs.forget_ends()
        self._sock, self._events, self.blocked, self._again = sock, select.POLLIN, False, NEVER
        self._poll.register(sock, select.POLLIN)
        self._programs.pipes.send_all()

    def drop(self) -> None:
        """Hear this front no more."""
        if self._sock is not None:
            if self._events:
                self._poll.unregister(self._sock)
            self._sock.close()
            self._sock = None

    def receive(self) -> tuple[bytes, list[int], bool] | None:
        """Return the next message, its descriptors, and whether some were lost; ``None`` when there is none.

        Raises ``ControlError`` as ``receive_with`` does.
        """
        if self._sock is None:
            return None
        try:
            return receive_with(self._sock, messages.MAX_MESSAGE, messages.MAX_LAUNCHES)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b"", [], False

    def send(self) -> None:
        """Send what the socket takes now."""
        sock, reports = self._sock, self.reports
        if sock is None or self.blocked:
            return
        self._again = NEVER
        try:
            if self._programs.pipes.unsent:
                self._send_pipes(sock)
            if self._programs.ends and not self._send_ends(sock):
                return  # a program's end must not be heard before its descriptors
            while reports and self._sock is sock:
                count, size = 0, 0
                for record in reports:
                    size += len(record) + 1
                    if count == _RECORDS_A_MESSAGE or size >= messages.MAX_MESSAGE:
                        break
                    count += 1
                sock.send(messages.batch(reports[:count]))
                del reports[:count]
            self._programs.pipes.told()
        except BlockingIOError:
            # The front is busy. What is not sent goes when the socket takes it; nothing is dropped.
            self.blocked = True
        except OSError as problem:
            self._failed(problem)

    def _send_pipes(self, sock: socket.socket) -> None:
        unsent = self._programs.pipes.unsent
        while unsent:
            pipes = list(unsent)[:_PIPES_A_MESSAGE]
            data = messages.batch(
                [messages.encode_report(messages.StderrPipe(pipe.service, pipe.number, pipe.conn)) for pipe in pipes]
            )
            try:
                send_with(sock, data, [pipe.read for pipe in pipes])
            except BlockingIOError:
                raise
            except OSError as problem:
                self._failed(problem)
                return
            for pipe in pipes:
                del unsent[pipe]

    def _send_ends(self, sock: socket.socket) -> bool:
        """Send the ends of programs' pipes and terminals, one program a message; False when some are left."""
        waiting = self._programs.ends
        while waiting:
            conn, ends = waiting[0]
            data = messages.batch([messages.encode_report(messages.Stdio(conn, end)) for end, _ in ends])
            try:
                send_with(sock, data, [fd for _, fd in ends])
            except BlockingIOError:
                raise
            except OSError as problem:
                self._failed(problem)
                return False
            for _, fd in waiting.pop(0)[1]:
                os.close(fd)
        return True

    def _failed(self, problem: OSError) -> None:
        if problem.errno in NO_ROOM:
            self._again = time.monotonic() + AGAIN
            return
        self.drop()
        self._on_lost(problem.strerror or str(problem.errno))

    def set_interest(self, *, full: bool) -> None:
        """Hear the front's requests unless there are too many of them or of its reports."""
        if self._sock is None:
            return
        events = (0 if full or self.full else select.POLLIN) | (select.POLLOUT if self.blocked else 0)
        if events == self._events:
            return
        self._events = events
        if events:
            self._poll.register(self._sock, events)
        else:
            self._poll.unregister(self._sock)  # else a hang-up, which poll(2) always reports, would keep us awake
