"""The panel: a small process that answers operators on the control socket. One epoll loop.

Runs in: panel, as the front's user, confined (``confinement.py``). It gets its listeners and pairs from the master.
Never: opens, connects, starts, bans or ends anything: the master and the front do what their tables allow, when it asks.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

from superd.ipc import panel_requests
from superd.operators import Operators
from superd.panel.confinement import become, confine
from superd.panel.control import Control
from superd.panel.links import FrontLink, MasterLink

if TYPE_CHECKING:
    from typing import Any

IDLE = 300.0
"""Seconds without a connection after which a panel ends: the next one starts in a tenth of a second."""
EX_SOFTWARE, EX_OSERR, EX_NOPERM = 70, 71, 77
"""sysexits.h: a fault of the panel; it could not be confined; root could not be given up."""
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Panel:
    """The process's whole state."""

    def __init__(self, master: socket.socket) -> None:
        self._epoll = select.epoll()
        self._master = MasterLink(master)
        self._front = FrontLink()
        self._listeners: dict[int, tuple[str, socket.socket]] = {}
        self._control = Control(self._epoll, self._front, self._master, time.monotonic)
        self._registered: dict[int, int] = {}
        self._busy = time.monotonic()

    def run(self) -> None:
        """Answer until the master is gone, or no operator has asked for long."""
        while True:
            self._register()
            ready = self._epoll.poll(self._timeout())
            now = time.monotonic()
            if self._control.connections:
                self._busy = now
            elif not ready and now - self._busy >= IDLE:
                return  # what connects just now waits in the listener's queue, and the master starts another panel for it
            for fd, events in ready:
                try:
                    self._on_event(fd, events, now)
                except EOFError:
                    return
            self._control.on_time(now)

    def _timeout(self) -> float:
        now = time.monotonic()
        due = self._control.due()
        left = min(self._busy + IDLE, due if due is not None else now + IDLE) - now
        return left + 0.001 if left > 0 else 0.0

    def _register(self) -> None:
        """Wait for the pairs and listeners there are; connections register themselves."""
        wanted = {self._master.sock.fileno(): _READ | (_WRITE if self._master.blocked else 0)}
        if self._front.sock is not None:
            wanted[self._front.sock.fileno()] = _READ
        if self._control.accepts:
            wanted |= dict.fromkeys(self._listeners, _READ)
        for fd in self._registered.keys() - wanted.keys():
            del self._registered[fd]
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass  # it was closed
        for fd, events in wanted.items():
            if self._registered.get(fd) != events:
                (self._epoll.modify if fd in self._registered else self._epoll.register)(fd, events)
                self._registered[fd] = events

    def _on_event(self, fd: int, events: int, now: float) -> None:
        if fd == self._master.sock.fileno():
            if events & _WRITE:
                self._master.flush()
            self._on_master()
        elif self._front.sock is not None and fd == self._front.sock.fileno():
            sock = self._front.sock
            self._front.on_readable()
            if self._front.sock is not sock:
                self._registered.pop(fd, None)
        elif fd in self._listeners:
            self._control.accept(self._listeners[fd][1], now)
        else:
            self._control.on_event(fd, events, now)

    def _on_master(self) -> None:
        while True:
            try:
                kind, value, fds = self._master.read()
            except BlockingIOError:
                return
            except ConnectionResetError:
                raise EOFError from None
            if kind == panel_requests.BEGIN:
                self._begin(value, fds)
            elif kind == panel_requests.FRONT:
                old = self._front.sock.fileno() if self._front.sock is not None else -1
                self._front.take(socket.socket(fileno=fds[0]))
                self._registered.pop(old, None)

    def _begin(self, value: dict[str, Any], fds: list[int]) -> None:
        for fd, (_, sock) in self._listeners.items():
            self._registered.pop(fd, None)
            sock.close()
        socks = [socket.socket(fileno=fd) for fd in fds]
        for sock in socks:
            sock.setblocking(False)
        self._listeners = {sock.fileno(): (name, sock) for name, sock in zip(value["listeners"], socks, strict=True)}
        self._control.operators = Operators(**{name: frozenset(numbers) for name, numbers in value["operators"].items()})


def main() -> NoReturn:
    """Entry: descriptor 0 is the panel's end of its pair to the master; argv holds uid and gid (-1 to stay) and a title."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C is the master's to answer
    master = socket.socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for low in (0, 1):
        os.dup2(null, low)
    os.chdir("/")
    try:
        become(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as problem:
        os.write(2, f"superd panel: {problem}\n".encode())
        os._exit(EX_NOPERM)
    try:
        panel = Panel(master)
        confine()
    except OSError as problem:
        os.write(2, f"superd panel: {problem}\n".encode())
        os._exit(EX_OSERR)
    try:
        panel.run()
    except BaseException:  # noqa: BLE001 - the master reports the status, and starts another
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(EX_SOFTWARE)
    os._exit(0)
