"""What programs write to their fd 2 (``stderr = "log"``): read line by line into the log, with service and session.

A program is not held up by the log: what comes faster than the limit is read, counted and thrown away.

Runs in: the front. Never waits in a read: a launcher that was taken over shares the pipe's description and could make it
blocking, so the bytes are spliced without blocking into a pipe of the front's own. Never believes more than a launcher's user
could do anyway: a launcher that was taken over can name another session of its own for a line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import trio

from superd.counted import counted
from superd.front.handing_over import StartTask
from superd.ipc.launch_codec import MAX_PIPES
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
        self.rest = b""
        """What has no newline yet."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without the empty ones."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        while len(self.rest) > MAX_LINE:
            lines.append(self.rest[:MAX_LINE])
            self.rest = self.rest[MAX_LINE:]
        return [line[start : start + MAX_LINE] for line in lines if line for start in range(0, len(line), MAX_LINE)]

    def end(self) -> list[bytes]:
        """Return the last line, if it had no newline."""
        rest, self.rest = self.rest, b""
        return [rest] if rest else []


class _Pipe:
    """One pipe: whose bytes come (``conn``, 0 for none or several), and whether that program is ``over``.

    ``held`` came after it was over: it is the next program's, whose start is reported after it may have written; or this
    one's last bytes, if the pipe ends. The launcher gives no pipe to another program that is not empty.
    """

    __slots__ = ("conn", "count", "held", "over", "own", "service", "splitter", "window")

    def __init__(self, service: str, conn: int, *, own: bool, now: float) -> None:
        self.service = service
        self.conn = conn
        self.own = own
        self.over = own and not conn
        self.held = b""
        self.splitter = LineSplitter()
        self.window = now
        self.count = 0


class _OfLauncher:
    """The pipes of one launcher: what ends the task of each, by inode; by the launcher's number; by connection."""

    __slots__ = ("by_conn", "numbers", "scopes")

    def __init__(self) -> None:
        self.scopes: dict[int, trio.CancelScope] = {}
        self.numbers: dict[int, _Pipe] = {}
        self.by_conn: dict[int, _Pipe] = {}


class StderrCollector:
    """One task for each pipe; ``say`` takes (service, number of the connection or 0, text).

    ``hear`` takes the reports that a launcher has sent: what it said before a program wrote is known before that is read.
    """

    def __init__(
        self,
        start_task: StartTask,
        say: Callable[[str, int, str], None],
        flush: Callable[[], None],
        hear: Callable[[int], None],
    ) -> None:
        self._out, self._into = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._start_task = start_task
        self._say = say
        self._flush = flush
        self._hear = hear
        self._launchers: dict[int, _OfLauncher] = {}

    def take(self, launcher: int, service: str, number: int, conn: int, fd: int) -> bool:
        """Read ``fd``, which is this object's from here, until every writer is gone. False: it is not a pipe, and is closed.

        ``conn`` is the connection whose program alone has it, until ``started`` says that another one has pipe ``number``.
        """
        facts = os.fstat(fd)
        if not stat.S_ISFIFO(facts.st_mode):
            let_go(fd)
            return False
        known = self._launchers.setdefault(launcher, _OfLauncher())
        scopes = known.scopes
        old = scopes.pop(facts.st_ino, None)
        if old is None and len(scopes) >= MAX_PIPES:
            old = scopes.pop(next(iter(scopes)))
        if old is not None:
            old.cancel()
        pipe = _Pipe(service, conn, own=number > 0, now=trio.current_time())
        if number and (number in known.numbers or len(known.numbers) < MAX_PIPES):
            known.numbers[number] = pipe
        if conn and (conn in known.by_conn or len(known.by_conn) < MAX_PIPES):
            known.by_conn[conn] = pipe
        scope = scopes[facts.st_ino] = trio.CancelScope()
        self._start_task(self._read, launcher, number, facts.st_ino, pipe, fd, scope)
        return True

    def started(self, launcher: int, number: int, conn: int) -> None:
        """Take note that the program of ``conn`` has pipe ``number`` for itself."""
        known = self._launchers.get(launcher)
        pipe = known.numbers.get(number) if known is not None else None
        if known is None or pipe is None:
            return
        if pipe.conn:
            known.by_conn.pop(pipe.conn, None)
            if pipe.splitter.rest:
                self._write(pipe, pipe.splitter.end())
        pipe.conn, pipe.over = conn, False
        known.by_conn[conn] = pipe
        if pipe.held:
            held, pipe.held = pipe.held, b""
            self._take_in(pipe, held)

    def ended(self, launcher: int, conn: int) -> None:
        """Take note that the program of ``conn`` ended: what its pipe brings from here is the next one's."""
        known = self._launchers.get(launcher)
        pipe = known.by_conn.pop(conn, None) if known is not None else None
        if pipe is not None:
            pipe.over = True

    async def _read(self, launcher: int, number: int, inode: int, pipe: _Pipe, fd: int, scope: trio.CancelScope) -> None:
        try:
            with scope:
                while data := await self._receive(fd):
                    self._hear(launcher)
                    if not pipe.over:
                        self._take_in(pipe, data)
                    elif len(pipe.held) + len(data) <= MAX_PIECE:
                        pipe.held += data
                    else:
                        held, pipe.held = pipe.held + data, b""
                        self._take_in(pipe, held)
                    self._flush()
        finally:
            os.close(fd)
            known = self._launchers[launcher]
            if known.scopes.get(inode) is scope:
                del known.scopes[inode]
            if known.numbers.get(number) is pipe:
                del known.numbers[number]
            if known.by_conn.get(pipe.conn) is pipe:
                del known.by_conn[pipe.conn]
        self._take_in(pipe, pipe.held)
        self._write(pipe, pipe.splitter.end())
        self._flush()

    def _take_in(self, pipe: _Pipe, data: bytes) -> None:
        now = trio.current_time()
        if now - pipe.window >= 1:
            if pipe.count > LINES_A_SECOND:
                self._say(pipe.service, pipe.conn, f"({counted(pipe.count - LINES_A_SECOND, 'line')} left out)")
            pipe.window, pipe.count = now, 0
        self._write(pipe, pipe.splitter.feed(data))

    def _write(self, pipe: _Pipe, lines: list[bytes]) -> None:
        for line in lines:
            pipe.count += 1
            if pipe.count <= LINES_A_SECOND:
                self._say(pipe.service, pipe.conn, line.decode("utf-8", "surrogateescape"))

    async def _receive(self, fd: int) -> bytes:
        """Return what is in the pipe ``fd``, as soon as something is; empty when every writer is gone."""
        while True:
            await trio.lowlevel.wait_readable(fd)
            try:
                moved = os.splice(fd, self._into, MAX_PIECE, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                continue  # the launcher took it out
            return os.read(self._out, moved) if moved else b""
