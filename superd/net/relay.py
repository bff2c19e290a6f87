"""Copies between two connected sockets, each direction by itself: an end of one is passed on, the other goes on.

By splice(2) through a pipe that exists only while bytes flow, so an idle relay costs two sockets and a task.
"""

from __future__ import annotations

import fcntl
import os
import socket

import trio

CHUNK = 1 << 20
"""Bytes of one splice; also the size the pipe is asked for."""
_F_SETPIPE_SZ = 1031


class Traffic:
    """Bytes passed on (from left, to left), and when the last ones were. Right also when the relay is cancelled."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0
        self.last = trio.current_time()


async def relay(left: trio.socket.SocketType, right: trio.socket.SocketType, traffic: Traffic, *, idle: float | None) -> None:
    """Copies until both directions have ended, or nothing flows for ``idle`` seconds; counts in ``traffic``.

    A broken connection ends its direction; nothing is raised for it.
    """
    async with trio.open_nursery() as nursery:
        if idle is not None:
            nursery.start_soon(_watch, nursery.cancel_scope, traffic, idle)
        async with trio.open_nursery() as both:
            both.start_soon(_copy, left, right, traffic, "received")
            both.start_soon(_copy, right, left, traffic, "sent")
        nursery.cancel_scope.cancel()


async def _watch(scope: trio.CancelScope, traffic: Traffic, idle: float) -> None:
    while (left := traffic.last + idle - trio.current_time()) > 0:
        await trio.sleep(left)
    scope.cancel()


async def _copy(source: trio.socket.SocketType, target: trio.socket.SocketType, traffic: Traffic, count: str) -> None:
    pipe: tuple[int, int] | None = None
    try:
        while True:
            if pipe is None:
                await trio.lowlevel.wait_readable(source)
                pipe = _pipe()
            try:
                taken = os.splice(source.fileno(), pipe[1], CHUNK)
            except BlockingIOError:
                # Nothing flows: an idle connection holds no pipe.
                os.close(pipe[0])
                os.close(pipe[1])
                pipe = None
                continue
            if taken == 0:
                break
            while taken:
                try:
                    given = os.splice(pipe[0], target.fileno(), taken)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(target)
                    continue
                taken -= given
                setattr(traffic, count, getattr(traffic, count) + given)
            traffic.last = trio.current_time()
            await trio.lowlevel.checkpoint()
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side was reset: the other is told by the end of what flows to it.
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was the one that broke
    finally:
        if pipe is not None:
            os.close(pipe[0])
            os.close(pipe[1])


def _pipe() -> tuple[int, int]:
    pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.fcntl(pipe[0], _F_SETPIPE_SZ, CHUNK)
    except OSError:
        pass  # /proc/sys/fs/pipe-user-pages-soft is used up: the 64 KiB it has will do
    return pipe
