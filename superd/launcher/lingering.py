"""Connections whose program ended before it had read what its client sent: closed slowly, so that the answer arrives.

The kernel answers a close with unread data by a reset, and the client loses what it had not read yet. So the launcher keeps
its copy of a few connections until their programs end, sends the end of file itself, and reads the rest away.

Runs in: launchers. Standard library only. Never waits: each connection has a deadline, and there are at most ``MAX_COPIES``.
"""

from __future__ import annotations

import select
import socket

from superd.system.closing import let_go, let_socket_go, lingers

MAX_COPIES = 64
"""Copies kept at once, of running programs and of ended ones. A launcher has as few descriptors as a program."""
KEEP_SECONDS = 3.0
"""After this a copy is let go though its program runs: a program that closes its connection early is not held up longer."""
LINGER_SECONDS = 2.0
"""From the program's end on. A client that takes longer to read an answer gets the kernel's reset as it always did."""
MOST_UNREAD = 1 << 20
"""Bytes read away; a client that sends more than this after the answer does not stop."""
LEARN, REMEMBER, SAMPLE = 16, 256, 64
"""A copy delays its connection's end by the time until the launcher looks, so only services that need it have one: the first
``LEARN`` programs of each, the next ``REMEMBER`` after one that left something unread, and one of ``SAMPLE`` later on."""

_TCP_INFO, _TCP_CLOSE = int(socket.TCP_INFO), 7
_TCP = int(socket.IPPROTO_TCP)
_INET, _STREAM = int(socket.AF_INET), int(socket.SOCK_STREAM)
_PEEK = int(socket.MSG_PEEK | socket.MSG_DONTWAIT)
"""Plain numbers: an operation on socket's enums costs a microsecond."""


def as_client(fd: int) -> socket.SocketType | None:
    """Return ``fd`` as a socket, which owns it from here; ``None`` when it is not one."""
    try:
        # The C type: that of the library around it costs three microseconds a connection.
        return socket.SocketType(_INET, _STREAM, 0, fd)
    except OSError:
        return None


def was_reset(end: socket.SocketType) -> bool:
    """Return whether the client reset this TCP connection: then no program is worth starting."""
    try:
        return end.getsockopt(_TCP, _TCP_INFO, 1)[0] == _TCP_CLOSE
    except OSError:
        return False  # another kind of socket


def has_unread(end: socket.SocketType) -> bool:
    """Return whether the client has sent something that no program has read."""
    try:
        return bool(end.recv(1, _PEEK))
    except OSError:
        return False


class Habit:
    """What one service's programs do with what their clients send."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = LEARN

    def wants_copy(self) -> bool:
        """Return whether the launcher should keep a copy of the connection that it starts now."""
        self._left -= 1
        return self._left >= 0 or self._left % SAMPLE == 0

    def left_unread(self) -> None:
        """A program ended before it had read all."""
        self._left = REMEMBER


class Copies:
    """The launcher's copies of connections: of programs that run, by process, and of those that ended."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._kept: dict[int, tuple[socket.SocketType, float]] = {}
        """Process → connection, and until when it is kept."""
        self._lingering: dict[int, tuple[socket.SocketType, float, int]] = {}
        """Descriptor → connection, until when, and how much may still be read away."""

    def __bool__(self) -> bool:
        return bool(self._kept or self._lingering)

    @property
    def full(self) -> bool:
        """Whether another copy would be one too many."""
        return len(self._kept) + len(self._lingering) >= MAX_COPIES

    @property
    def due(self) -> float:
        """When the next deadline is (monotonic seconds); infinite without one."""
        times = [until for _, until in self._kept.values()] + [until for _, until, _ in self._lingering.values()]
        return min(times, default=float("inf"))

    def keep(self, pid: int, end: socket.SocketType, now: float, *, to_the_end: bool) -> None:
        """Keep ``end``, which is this object's from here, until the program ``pid`` ends or ``KEEP_SECONDS`` are over.

        ``to_the_end`` is for a socket that lingers: only after its program has closed its own copy this close does not wait.
        """
        self._kept[pid] = (end, float("inf") if to_the_end else now + KEEP_SECONDS)

    def ended(self, pid: int, *, alone: bool, now: float) -> bool:
        """The program ``pid`` ended; ``alone`` when it left no other process. Returns whether it left data unread."""
        kept = self._kept.pop(pid, None)
        if kept is None:
            return False
        end, fd = kept[0], kept[0].fileno()
        if not alone or not has_unread(end):
            let_go(end.detach())
            return False
        try:
            end.shutdown(socket.SHUT_WR)
        except OSError:
            let_go(end.detach())  # the client is gone
            return True
        end.setblocking(False)
        self._lingering[fd] = (end, now + LINGER_SECONDS, MOST_UNREAD)
        self._poll.register(fd, select.POLLIN)
        return True

    def on_ready(self, fd: int) -> bool:
        """Read away what came; False when ``fd`` is not one of these."""
        entry = self._lingering.get(fd)
        if entry is None:
            return False
        end, until, left = entry
        try:
            data = end.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        left -= len(data)
        if not data or left <= 0:
            self._close(fd)
        else:
            self._lingering[fd] = (end, until, left)
        return True

    def on_time(self, now: float) -> None:
        """Let go what has been kept long enough."""
        for fd in [fd for fd, (_, until, _) in self._lingering.items() if until <= now]:
            self._close(fd)
        for pid, end in [(pid, end) for pid, (end, until) in self._kept.items() if until <= now]:
            if lingers(end):
                self._kept[pid] = (end, float("inf"))  # its program has asked for it meanwhile
            else:
                del self._kept[pid]
                let_socket_go(end)

    def _close(self, fd: int) -> None:
        self._poll.unregister(fd)
        end = self._lingering.pop(fd)[0]
        let_go(end.detach())
