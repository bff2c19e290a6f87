"""Ways: one direction of a session each, pumped without waiting until nothing more can flow. Here: those of sockets.

Runs in relays. Never waits and never keeps time; the loop in ``process.py`` says when to go on, after an event (edges,
epoll(7) EPOLLET) or at its next turn. A way raises ``OSError`` when one of its ends breaks. Ways of programs with pipes or a
terminal are in ``program_ways.py``.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from typing import Protocol

    class Way(Protocol):
        """One direction. ``passed`` counts bytes; ``done`` says that its source has ended and all of it was passed on."""

        passed: int
        done: bool
        urgent: bool

        def pump(self) -> bool:
            """Passes on what can be; True when there is more and only the others' turn has come."""

        def wants(self, fd: int, events: int) -> bool:
            """Whether this event of epoll can let bytes flow."""

        def close(self) -> None:
            """Gives its pipe back. The descriptors of the session are not its own."""


CHUNK = 1 << 20
"""Bytes of one splice, and of one turn: about half a millisecond."""
SPARE = 8
"""Empty pipes that are kept: to make one and to close it costs as much as to pass a short message on."""
BIG_PIPES = 7
"""Pipes of ``CHUNK`` bytes; further ones keep their 64 KiB. One user may have 64 MiB of pipes on most hosts
(pipe-user-pages-soft), after which a new one has a single page: eight relays stay below it."""

IN = select.EPOLLIN | select.EPOLLPRI | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
OUT = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
_PRI = select.EPOLLPRI
_F_SETPIPE_SZ = 1031
_SIOCATMARK = 0x8905

_spare: list[tuple[int, int]] = []
_big = [0]


def take_pipe() -> tuple[int, int]:
    """An empty pipe. Raises ``OSError`` without descriptors."""
    if _spare:
        return _spare.pop()
    pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    if _big[0] < BIG_PIPES:
        try:
            fcntl.fcntl(pipe[0], _F_SETPIPE_SZ, CHUNK)
            _big[0] += 1
        except OSError:
            pass  # the user's share is used up: the 64 KiB it has will do
    return pipe


def give_pipe(pipe: tuple[int, int], *, empty: bool) -> None:
    """Takes a pipe back; one with bytes in it must reach no other session."""
    if empty and len(_spare) < SPARE:
        _spare.append(pipe)
        return
    if fcntl.fcntl(pipe[0], fcntl.F_GETPIPE_SZ) == CHUNK:
        _big[0] -= 1
    os.close(pipe[0])
    os.close(pipe[1])


def shut(fd: int, how: int) -> None:
    """shutdown(2) of a descriptor. Raises ``OSError``."""
    sock = socket_of(fd)
    try:
        sock.shutdown(how)
    finally:
        sock.detach()


def socket_of(fd: int) -> socket.socket:
    """Return a socket object that borrows the descriptor: ``detach`` it."""
    # The family is not asked for: the kernel knows it, and nothing here depends on it.
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)


class Splice:
    """From one socket to another (or to itself: an echo), through a pipe that it has only while bytes flow."""

    __slots__ = ("_left", "_pipe", "_resend", "_source", "_target", "done", "passed", "urgent")

    def __init__(self, source: int, target: int, *, resend: bool) -> None:
        """``resend``: the source's urgent byte is urgent at the target too, and not one of the others."""
        self._source = source
        self._target = target
        self._resend = resend
        self._pipe: tuple[int, int] | None = None
        self._left = 0
        self.passed = 0
        self.done = False
        self.urgent = False

    def wants(self, fd: int, events: int) -> bool:
        if fd == self._source:
            if events & _PRI:
                self.urgent = True
            if not self._left:
                return bool(events & IN)
        return fd == self._target and self._left != 0 and bool(events & OUT)

    def pump(self) -> bool:
        pipe, left, turn = self._pipe, self._left, CHUNK
        splice, source, target = os.splice, self._source, self._target
        if pipe is None:
            pipe = self._pipe = take_pipe()
        try:
            while True:
                if not left:
                    try:
                        left = splice(source, pipe[1], CHUNK)
                    except BlockingIOError:
                        if self.urgent and (left := self._pass_urgent(pipe[1])):
                            continue
                        self._left = 0
                        self.close()  # nothing flows: a silent session holds no pipe
                        return False
                    if not left:
                        # An urgent byte that the end follows at once looks like the end.
                        if left := self._pass_urgent(pipe[1]):
                            continue
                        self.done, self._left = True, 0
                        self.close()
                        shut(target, socket.SHUT_WR)
                        return False
                while left:
                    try:
                        given = splice(pipe[0], target, left)
                    except BlockingIOError:
                        return False
                    left -= given
                    turn -= given
                    self.passed += given
                if turn <= 0:
                    return True
        finally:
            self._left = left

    def _pass_urgent(self, into: int) -> int:
        """What splice(2) stops at: the urgent byte, and the first of what follows it. Bytes that it put into the pipe."""
        sock = socket_of(self._source)
        try:
            if not int.from_bytes(fcntl.ioctl(self._source, _SIOCATMARK, bytes(4)), "little"):
                return 0
            self.urgent = False
            if self._resend:
                urgent = sock.recv(1, socket.MSG_OOB)
                other = socket_of(self._target)
                try:
                    other.send(urgent, socket.MSG_OOB)
                    self.passed += len(urgent)
                except BlockingIOError:
                    pass  # its buffer is full: TCP keeps one urgent byte, and so do we
                finally:
                    other.detach()
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            data = sock.recv(4096, socket.MSG_DONTWAIT)  # also goes past the mark; a page is what every pipe takes
        except OSError:
            return 0  # no urgent byte any more, or no socket that has them
        finally:
            sock.detach()
        return os.write(into, data) if data else 0

    def close(self) -> None:
        if self._pipe is not None:
            give_pipe(self._pipe, empty=not self._left)
            self._pipe = None


class Discard:
    """Reads and throws away, up to ``most`` bytes."""

    __slots__ = ("_most", "_source", "done", "passed", "urgent")

    def __init__(self, source: int, sink: memoryview, most: int | None = None) -> None:
        self._source = (socket_of(source), sink)
        self._most = most
        self.passed = 0
        self.done = False
        self.urgent = False

    def wants(self, fd: int, events: int) -> bool:
        return bool(events & IN)

    def pump(self) -> bool:
        sock, sink = self._source
        turn = 4 * CHUNK
        while turn > 0:
            try:
                # MSG_TRUNC: the kernel frees the bytes without copying them (tcp(7)); the sink is never touched.
                taken = sock.recv_into(sink, 0, socket.MSG_TRUNC)
            except BlockingIOError:
                return False
            self.passed += taken
            turn -= taken
            if not taken or (self._most is not None and self.passed >= self._most):
                self.done = True
                return False
        return True

    def close(self) -> None:
        self._source[0].detach()


class Chargen:
    """Sends a file in memory over and over, until the client is gone."""

    __slots__ = ("_at", "_memory", "_size", "_target", "done", "passed", "urgent")

    def __init__(self, target: int, memory: int, size: int) -> None:
        self._target = target
        self._memory = memory
        self._size = size
        self._at = 0
        self.passed = 0
        self.done = False
        self.urgent = False

    def wants(self, fd: int, events: int) -> bool:
        return bool(events & OUT)

    def pump(self) -> bool:
        turn = CHUNK
        while turn > 0:
            try:
                given = os.sendfile(self._target, self._memory, self._at, self._size - self._at)
            except BlockingIOError:
                return False
            self._at = (self._at + given) % self._size
            self.passed += given
            turn -= given
        return True

    def close(self) -> None:
        """It has nothing of its own."""
