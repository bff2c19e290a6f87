"""Copies between two connected sockets, each direction by itself: an end of one is passed on, the other goes on.

By splice(2) through a pipe that a direction has only while bytes flow, so an idle relay costs two sockets and a task.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
from collections.abc import Callable

import trio

CHUNK = 1 << 20
"""Bytes of one splice; also the size the pipe is asked for."""
SPARE = 4
"""Empty pipes that are kept: to make one and to close it costs as much as to pass a short message on."""
_F_SETPIPE_SZ = 1031

_spare: list[tuple[int, int]] = []


class Traffic:
    """Bytes passed on (from left, to left), and when the last ones were. Right also when the relay is cancelled."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0
        self.last = trio.current_time()

    def count_received(self, number: int) -> None:
        self.received += number
        self.last = trio.current_time()

    def count_sent(self, number: int) -> None:
        self.sent += number
        self.last = trio.current_time()


async def connect(host: str, port: int) -> trio.socket.SocketType:
    """A connection to relay to; a host with several addresses is tried at all of them. Raises ``OSError``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        stream = await trio.open_tcp_stream(host, port)
        # trio keeps unsent bytes below 16 KiB, for programs that think while they write; we only pass on.
        stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 0)
        return stream.socket
    sock = trio.socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        await sock.connect((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def relay(left: trio.socket.SocketType, right: trio.socket.SocketType, traffic: Traffic, *, idle: float | None) -> None:
    """Copies until both directions have ended, or nothing flows for ``idle`` seconds; counts in ``traffic``.

    A broken connection ends its direction; nothing is raised for it.
    """
    if idle is None:
        await _both_ways(left, right, traffic)
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, nursery.cancel_scope, traffic, idle)
        await _both_ways(left, right, traffic)
        nursery.cancel_scope.cancel()


async def _both_ways(left: trio.socket.SocketType, right: trio.socket.SocketType, traffic: Traffic) -> None:
    async with trio.open_nursery() as nursery:
        # One more task, not two: ten thousand idle relays are ten thousand times that.
        nursery.start_soon(_copy, left, right, traffic.count_received)
        await _copy(right, left, traffic.count_sent)


async def _watch(scope: trio.CancelScope, traffic: Traffic, idle: float) -> None:
    while (left := traffic.last + idle - trio.current_time()) > 0:
        await trio.sleep(left)
    scope.cancel()


async def _copy(source: trio.socket.SocketType, target: trio.socket.SocketType, count: Callable[[int], None]) -> None:
    try:
        await pump(source, target, count)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side was reset: the other is told by the end of what flows to it.
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was the one that broke


async def pump(
    source: trio.socket.SocketType, target: trio.socket.SocketType, count: Callable[[int], None] | None = None
) -> None:
    """Passes on until the source ends; ``count`` is told of all that was. Raises ``OSError`` when one side breaks."""
    incoming, outgoing = source.fileno(), target.fileno()
    while True:
        await trio.lowlevel.wait_readable(incoming)
        pipe = _pipe()
        left = turn = 0
        try:
            while left := os.splice(incoming, pipe[1], CHUNK):
                turn += left
                while left:
                    try:
                        given = os.splice(pipe[0], outgoing, left)
                    except BlockingIOError:
                        await trio.lowlevel.wait_writable(outgoing)
                        continue
                    left -= given
                    if count is not None:
                        count(given)
                if turn >= CHUNK:
                    # The others' turn: not after every piece, which may be small, and not after more than a millisecond.
                    turn = 0
                    await trio.lowlevel.checkpoint()
            return
        except BlockingIOError:
            pass  # nothing flows: an idle connection holds no pipe
        finally:
            _give_back(pipe, empty=not left)


def _pipe() -> tuple[int, int]:
    if _spare:
        return _spare.pop()
    pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.fcntl(pipe[0], _F_SETPIPE_SZ, CHUNK)
    except OSError:
        pass  # /proc/sys/fs/pipe-user-pages-soft is used up: the 64 KiB it has will do
    return pipe


def _give_back(pipe: tuple[int, int], *, empty: bool) -> None:
    if empty and len(_spare) < SPARE:
        _spare.append(pipe)
        return
    os.close(pipe[0])
    os.close(pipe[1])
