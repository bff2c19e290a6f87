"""The links to all launchers, by number, and the one descriptor that the front waits for their reports with.

Runs in: the front. Chooses no launcher, and knows nothing of sessions.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import trio

from superd.front.programs.launcher_link import LauncherLink
from superd.ipc.launch_codec import Report
from superd.syslog_priority import LevelWord

BUSY = 4
"""Launches in flight from which on a launcher has enough to do: what comes next is accepted by the batch."""
SILENT = 1.0
"""Seconds without a report, with launches in flight, after which a launcher stands still: a start takes milliseconds."""


class MessageLog(Protocol):
    """Where messages go. ``superd.log.log.Log`` is one."""

    def message(self, level: LevelWord, text: str, service: str = "") -> None: ...


class LauncherLinks:
    """All links."""

    def __init__(
        self,
        log: MessageLog,
        on_room: Callable[[], None],
        start_task: Callable[..., object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._on_report: Callable[[int, Report, int], None] | None = None
        self._on_room = on_room
        self._start_task = start_task
        self._clock = clock
        self._links: dict[int, LauncherLink] = {}
        self._by_fd: dict[int, LauncherLink] = {}
        self._epoll = select.epoll()
        self._work = trio.Event()

    def tell_reports(self, on_report: Callable[[int, Report, int], None]) -> None:
        """Call ``on_report`` with (number, report, descriptor or -1); it takes the descriptor over. Before any ``add``."""
        self._on_report = on_report

    def __iter__(self) -> Iterator[LauncherLink]:
        return iter(self._links.values())

    def get(self, number: int | None) -> LauncherLink | None:
        """Return the link to launcher ``number``, if there is one."""
        return self._links.get(number) if number is not None else None

    def add(self, number: int, fd: int) -> bool:
        """Take ``fd`` as the link to launcher ``number``; return whether it replaced another, whose queue is lost."""
        assert self._on_report is not None
        link = LauncherLink(
            socket.socket(fileno=fd),
            partial(self._on_report, number),
            self._on_room,
            lambda problem: self._log.message("alert", f"ignoring an invalid message from launcher {number}: {problem}"),
            self._work_began,
        )
        old = self._links.get(number)
        if old is not None:
            self._drop(old)
        self._links[number] = self._by_fd[link.fileno()] = link
        self._epoll.register(link.fileno(), select.EPOLLIN)
        self._start_task(link.run)
        return old is not None

    def _drop(self, link: LauncherLink) -> None:
        fd = link.fileno()
        if self._by_fd.get(fd) is link:
            del self._by_fd[fd]
            self._epoll.unregister(fd)
        link.close()

    def flush(self) -> None:
        """Send what is queued: once a batch, and once for a session that had to wait."""
        for link in self._links.values():
            if link.backlog:
                link.flush()

    @property
    def busy(self) -> bool:
        """Whether a launcher has its hands full."""
        return any([link.in_flight >= BUSY for link in self._links.values()])

    def poll(self, seconds: float) -> bool:
        """Read reports, after at most ``seconds`` in which the whole loop stands still. False: there were none."""
        ready = self._epoll.poll(seconds)
        for fd, _ in ready:
            link = self._by_fd.get(fd)
            if link is not None and not link.read():
                self._drop(link)
        if ready:
            self._on_room()
        return bool(ready)

    def read_from(self, number: int) -> None:
        """Read what launcher ``number`` has reported by now."""
        link = self._links.get(number)
        if link is None or link.fileno() not in self._by_fd:
            return
        if not link.read():
            self._drop(link)
        self._on_room()

    async def run(self, after: Callable[[], None]) -> None:
        """Read reports until cancelled; ``after`` is called after each batch of them."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            if self.poll(0):
                after()

    # ------------------------------------------------------------------ launchers that stand still

    def _work_began(self) -> None:
        self._work.set()

    def silent(self) -> list[int]:
        """Return the launchers that have had launches for ``SILENT`` seconds and reported nothing."""
        limit = self._clock() - SILENT
        return [number for number, link in self._links.items() if link.silent_since is not None and link.silent_since <= limit]

    async def watch(self, on_silent: Callable[[list[int]], None]) -> None:
        """Call ``on_silent`` with the launchers that stand still, each second while there is work, until cancelled."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while any(link.silent_since is not None for link in self._links.values()):
                await trio.sleep(SILENT / 2)
                on_silent(self.silent())
