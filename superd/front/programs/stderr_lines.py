"""What programs write to their fd 2 (``stderr = "log"``): read line by line into the log, with the service's id.

A program is never held up by the log: what comes faster than the limit is read, counted and thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import trio

from superd.counted import counted
from superd.front.handing_over import StartTask

MAX_LINE = 1024
"""Bytes of one line; a longer one is cut into several."""
LINES_A_SECOND = 100
"""More of one service's lines than this are dropped, and their number is logged."""


class LineSplitter:
    """Bytes in any pieces → whole lines, each at most ``MAX_LINE`` bytes. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; empty ones are left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        return [line[start : start + MAX_LINE] for line in lines if line for start in range(0, len(line), MAX_LINE)]

    def end(self) -> list[bytes]:
        """The last line, if it had no newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class StderrCollector:
    """One task for each pipe; ``say`` takes (service, text)."""

    def __init__(self, start_task: StartTask, say: Callable[[str, str], None], flush: Callable[[], None]) -> None:
        self._start_task = start_task
        self._say = say
        self._flush = flush
        self._pipes: dict[tuple[int, str], trio.CancelScope] = {}

    def take(self, launcher: int, service: str, fd: int) -> None:
        """Reads ``fd``, which is this object's from here, until every writer is gone.

        Replaces the pipe that the service had at the same launcher.
        """
        old = self._pipes.pop((launcher, service), None)
        if old is not None:
            old.cancel()
        scope = self._pipes[launcher, service] = trio.CancelScope()
        self._start_task(self._read, service, fd, scope)

    async def _read(self, service: str, fd: int, scope: trio.CancelScope) -> None:
        splitter, window, count = LineSplitter(), trio.current_time(), 0
        os.set_blocking(fd, False)
        stream = trio.lowlevel.FdStream(fd)
        with scope:
            async with stream:
                while data := await stream.receive_some(16384):
                    now = trio.current_time()
                    if now - window >= 1:
                        if count > LINES_A_SECOND:
                            self._say(service, f"({counted(count - LINES_A_SECOND, 'line')} left out)")
                        window, count = now, 0
                    for line in splitter.feed(data):
                        count += 1
                        if count <= LINES_A_SECOND:
                            self._say(service, line.decode("utf-8", "surrogateescape"))
                    self._flush()
        for line in splitter.end():
            self._say(service, line.decode("utf-8", "surrogateescape"))
        self._flush()
