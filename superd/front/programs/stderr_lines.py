"""What programs write to their fd 2 (``stderr = "log"``): read line by line into the log, with service and session.

A program is not held up by the log: what comes faster than the limit is read, counted and thrown away.

Runs in: the front. Never waits in a read: a launcher that was taken over shares the pipe's description and could make it
blocking, so the bytes are spliced without blocking into a pipe of the front's own. Never believes more than a launcher's user
could do anyway: a program can write its launcher's mark, and name another session of the same user in its own lines.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import trio

from superd.counted import counted
from superd.front.handing_over import StartTask
from superd.ipc.launch_codec import MARK, MAX_CONN, MAX_PIPES
from superd.system.closing import let_go

MAX_LINE = 1024
"""Bytes of one line; a longer one is cut into several."""
MAX_PIECE = 16384
"""Bytes read at once: less than a pipe holds."""
LINES_A_SECOND = 100
"""More of one pipe's lines than this are dropped, and their number is logged."""


class LineSplitter:
    """Make whole lines of bytes in any pieces, each line of at most ``MAX_LINE`` bytes. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without the empty ones."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        return [line[start : start + MAX_LINE] for line in lines if line for start in range(0, len(line), MAX_LINE)]

    def end(self) -> list[bytes]:
        """Return the last line, if it had no newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def marked(line: bytes) -> int | None:
    """Return the connection that a launcher's mark names, 0 for none; None for a program's own line."""
    if not line.startswith(MARK):
        return None
    number = line[len(MARK) :]
    conn = int(number) if number.isdigit() and len(number) <= 20 else 0
    return conn if conn <= MAX_CONN else 0


class StderrCollector:
    """One task for each pipe; ``say`` takes (service, number of the connection or 0, text)."""

    def __init__(self, start_task: StartTask, say: Callable[[str, int, str], None], flush: Callable[[], None]) -> None:
        self._out, self._into = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._start_task = start_task
        self._say = say
        self._flush = flush
        self._pipes: dict[int, dict[int, trio.CancelScope]] = {}
        """Launcher → inode of a pipe → what ends its task."""

    def take(self, launcher: int, service: str, conn: int, fd: int) -> bool:
        """Read ``fd``, which is this object's from here, until every writer is gone. False: it is not a pipe, and is closed.

        ``conn`` is the connection whose program alone has it, until the launcher says in the pipe that another one has it.
        """
        facts = os.fstat(fd)
        if not stat.S_ISFIFO(facts.st_mode):
            let_go(fd)
            return False
        pipes = self._pipes.setdefault(launcher, {})
        old = pipes.pop(facts.st_ino, None)
        if old is None and len(pipes) >= MAX_PIPES:
            old = pipes.pop(next(iter(pipes)))
        if old is not None:
            old.cancel()
        scope = pipes[facts.st_ino] = trio.CancelScope()
        self._start_task(self._read, launcher, facts.st_ino, service, conn, fd, scope)
        return True

    async def _read(self, launcher: int, inode: int, service: str, conn: int, fd: int, scope: trio.CancelScope) -> None:
        splitter, window, count = LineSplitter(), trio.current_time(), 0
        try:
            with scope:
                while data := await self._receive(fd):
                    now = trio.current_time()
                    if now - window >= 1:
                        if count > LINES_A_SECOND:
                            self._say(service, conn, f"({counted(count - LINES_A_SECOND, 'line')} left out)")
                        window, count = now, 0
                    for line in splitter.feed(data):
                        if (found := marked(line)) is not None:
                            conn = found
                            continue
                        count += 1
                        if count <= LINES_A_SECOND:
                            self._say(service, conn, line.decode("utf-8", "surrogateescape"))
                    self._flush()
        finally:
            os.close(fd)
            if self._pipes[launcher].get(inode) is scope:
                del self._pipes[launcher][inode]
        for line in splitter.end():
            self._say(service, conn, line.decode("utf-8", "surrogateescape"))
        self._flush()

    async def _receive(self, fd: int) -> bytes:
        """Return what is in the pipe ``fd``, as soon as something is; empty when every writer is gone."""
        while True:
            await trio.lowlevel.wait_readable(fd)
            try:
                moved = os.splice(fd, self._into, MAX_PIECE, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                continue  # the launcher took it out
            return os.read(self._out, moved) if moved else b""
