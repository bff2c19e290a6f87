"""The listening sockets and the loop that empties their queues. Decides nothing: hands each batch to its owner.

All listeners sit in one epoll of their own, and one task waits for that: a task for each would cost 5 KiB and, at a
reload, 25 µs a listener. Accepting goes on in batches until the queue is empty; the accept loop never dies.

Runs in: the front.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from superd.address import SocketType
from superd.net import peername
from superd.peer import Peer
from superd.system.closing import let_socket_go

if TYPE_CHECKING:
    from superd.address import BindAddress

TURN = 0.002
"""Seconds that busy accepting goes on before other tasks have their turn: a turn costs as much as two connections."""
FIRST_PAUSE = 0.1
LAST_PAUSE = 1.0
"""Seconds without accepting when descriptors or memory run out; doubles from the first to the last."""

OVERLOAD: frozenset[int | None] = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept(2) that mean that descriptors or memory ran out."""
_TCP_CLOSE = 7
"""tcpi_state of a connection that the peer reset while it waited in the queue (tcp(7), include/net/tcp_states.h)."""


class Listener:
    """One bound socket. ``name``, the id of the service it serves, is the one mutable cell: a reload points it anew."""

    __slots__ = ("_local", "address", "family", "fd", "held", "ignored", "name", "sock", "tcp")

    def __init__(self, address: BindAddress, name: str, sock: socket.socket) -> None:
        self.address = address
        self.name = name
        self.sock = sock
        self.fd = sock.fileno()
        self.family = int(sock.family)
        self.ignored = True
        self.held = False
        """Whether an operator has paused its service."""
        self.tcp = sock.family in (socket.AF_INET, socket.AF_INET6) and address.socket_type is SocketType.STREAM
        # None where each connection must be asked for its own end: a wildcard listener has many.
        self._local: Peer | None = None if self.tcp else Peer("localhost", 0, 0)
        if self.tcp and address.host not in ("", "::", "0.0.0.0"):  # noqa: S104 - compared, not bound
            bound = sock.getsockname()
            self._local = peername.local((bound[0], bound[1]))

    def accept(self) -> tuple[int, Any]:
        """One connection: its descriptor (non-blocking is the launcher's to undo) and the peer's sockaddr."""
        # socket.accept() makes a socket object, 5 µs that most connections never need.
        return self.sock._accept()  # type: ignore[attr-defined,no-any-return]

    def local_of(self, fd: int) -> Peer:
        """Our end of one of its connections."""
        return peername.local_of(fd) if self._local is None else self._local


def is_dead(sock: socket.socket | trio.socket.SocketType) -> bool:
    """Whether the peer reset a TCP connection before superd looked at it: not worth a process."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == struct.pack("B", _TCP_CLOSE)
    except OSError:
        return True


class ListenerSet:
    """Every listener of the process, and the one task that waits for them."""

    def __init__(self, on_overload: Callable[[int], None]) -> None:
        """``on_overload`` gets the errno when accepting pauses because descriptors or memory ran out."""
        self._epoll = select.epoll()
        self._by_fd: dict[int, Listener] = {}
        self._on_overload = on_overload
        self._pause = 0.0
        self._pausing = False

    def __iter__(self) -> Any:
        return iter(tuple(self._by_fd.values()))

    def add(self, listener: Listener) -> None:
        """Take the listener, and watch it."""
        self._by_fd[listener.fd] = listener
        self.watch(listener)

    def watch(self, listener: Listener) -> None:
        """Wait for what comes to the listener (again)."""
        if listener.ignored and self._by_fd.get(listener.fd) is listener:
            listener.ignored = False
            if not listener.held:
                self._epoll.register(listener.fd, select.EPOLLIN)

    def ignore(self, listener: Listener) -> None:
        """Leave what comes in the kernel's queue: a ``wait`` program has the socket."""
        if not listener.ignored:
            listener.ignored = True
            if not listener.held:
                self._epoll.unregister(listener.fd)

    def hold(self, listener: Listener, held: bool) -> None:
        """Leave what comes in the kernel's queue for as long as it is held, whatever else watches or ignores the listener."""
        if listener.held != held and self._by_fd.get(listener.fd) is listener:
            listener.held = held
            if listener.ignored:
                return
            if held:
                self._epoll.unregister(listener.fd)
            else:
                self._epoll.register(listener.fd, select.EPOLLIN)

    def remove(self, listener: Listener) -> None:
        """Let the listener go and close this process's copy of it."""
        self.ignore(listener)
        self._by_fd.pop(listener.fd, None)
        let_socket_go(listener.sock)

    def replace(self, listener: Listener, sock: socket.socket) -> socket.socket:
        """Give the listener another socket, and return the old one, which is the caller's. Leaves it ignored."""
        self.ignore(listener)
        self._by_fd.pop(listener.fd, None)
        old, listener.sock, listener.fd = listener.sock, sock, sock.fileno()
        sock.setblocking(False)
        self._by_fd[listener.fd] = listener
        return old

    def pause(self, number: int) -> None:
        """Accept nothing for a moment, because of the errno ``number``, and say so once; each pause in a row is twice as long."""
        if not self._pausing:
            self._pausing = True
            if not self._pause:
                self._on_overload(number)
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LAST_PAUSE)

    async def run(
        self, on_ready: Callable[[Listener], None], on_batch_end: Callable[[], None], on_busy: Callable[[], bool]
    ) -> None:
        """Accept until closed.

        ``on_ready`` gets each listener in which something waits. ``on_busy`` is asked after each batch; while it returns True
        the next batch is taken without sleeping on the queues.
        """
        while not self._epoll.closed:
            try:
                if self._pausing:  # asked for while nothing was accepted
                    await trio.sleep(self._pause)
                    self._pausing = False
                    continue
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            except trio.ClosedResourceError:
                return
            if self._pausing:
                continue
            self._take(on_ready, on_batch_end)
            turn = time.monotonic()
            while not self._pausing and on_busy():
                if time.monotonic() - turn >= TURN:
                    await trio.lowlevel.checkpoint()
                    turn = time.monotonic()
                self._take(on_ready, on_batch_end)
            if self._pausing:
                await trio.sleep(self._pause)
                self._pausing = False
            else:
                self._pause = 0.0

    def _take(self, on_ready: Callable[[Listener], None], on_batch_end: Callable[[], None]) -> None:
        if self._epoll.closed:
            return
        for fd, _ in self._epoll.poll(0):
            listener = self._by_fd.get(fd)
            if listener is not None and not listener.ignored and not listener.held:
                on_ready(listener)
        on_batch_end()

    def close(self) -> None:
        """Close this process's copies of all listeners; a second call does nothing."""
        if self._epoll.closed:
            return
        for listener in tuple(self._by_fd.values()):
            self.remove(listener)
        trio.lowlevel.notify_closing(self._epoll.fileno())
        self._epoll.close()
