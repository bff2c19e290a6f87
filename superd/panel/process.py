"""The panel: a small process that answers operators on the control socket. One epoll loop.

Runs in: panel, as the front's user, confined (``confinement.py``). It gets its listeners and pairs from the master.
Never: opens, connects, starts, bans or ends anything: the master and the front do what their tables allow, when it asks.
"""

from __future__ import annotations

import ipaddress
import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

from superd.exit_status import EX_NOPERM, EX_OSERR, EX_SOFTWARE
from superd.ipc import panel_requests
from superd.metrics import load as load_metrics
from superd.metrics import render as render_metrics
from superd.operators import Operators
from superd.panel.confinement import confine
from superd.panel.control import Control
from superd.panel.counting import get_counts
from superd.panel.http import HttpServer, Page
from superd.panel.links import FrontLink, MasterLink
from superd.panel.page import collect
from superd.panel.page import render as render_page
from superd.panel.steps import Call
from superd.system.credentials import become

if TYPE_CHECKING:
    from typing import Any

LEAVE = 5.0
"""Seconds that connections have when another panel is needed."""
IDLE = 300.0
"""Seconds without a connection after which a panel ends: the next one starts in a tenth of a second."""
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Panel:
    """The process's whole state."""

    def __init__(self, master: socket.socket) -> None:
        self._epoll = select.epoll()
        self._master = MasterLink(master)
        self._front = FrontLink()
        self._listeners: dict[int, tuple[str, socket.socket]] = {}
        self._control = Control(self._epoll, self._front, self._master, time.monotonic)
        pages = {
            "metrics": Page("/metrics", lambda: get_counts(Call({}, -1)), render_metrics),
            "page": Page("/", collect, lambda facts, accept: render_page(facts, self._host)),
        }
        self._http = HttpServer(self._epoll, self._front, self._master, time.monotonic, pages)
        self._host = ""
        self._leave_at: float | None = None
        self._registered: dict[int, int] = {}
        self._busy = time.monotonic()

    def run(self) -> None:
        """Answer until the master is gone, or no operator has asked for long."""
        while True:
            self._register()
            ready = self._epoll.poll(self._timeout())
            now = time.monotonic()
            if self._control.connections or self._http.connections:
                self._busy = now
            elif self._leave_at is not None or (not ready and now - self._busy >= IDLE):
                return  # what connects just now waits in the listener's queue, and the master starts another panel for it
            if self._leave_at is not None and now >= self._leave_at:
                return
            for fd, events in ready:
                try:
                    self._on_event(fd, events, now)
                except EOFError:
                    return
            self._control.on_time(now)
            self._http.on_time(now)

    def _timeout(self) -> float:
        now = time.monotonic()
        dues = [due for due in (self._control.due(), self._http.due()) if due is not None]
        if self._leave_at is not None:
            dues.append(self._leave_at if self._control.connections or self._http.connections else now)
        left = min([self._busy + IDLE, *dues]) - now
        return left + 0.001 if left > 0 else 0.0

    def _register(self) -> None:
        """Wait for the pairs and listeners there are; connections register themselves."""
        wanted = {self._master.sock.fileno(): _READ | (_WRITE if self._master.blocked else 0)}
        if self._front.sock is not None:
            wanted[self._front.sock.fileno()] = _READ
        for fd, (kind, _) in self._listeners.items():
            unable = kind == "metrics" and self._leave_at is not None
            if not unable and (self._control if kind == "control" else self._http).accepts:
                wanted[fd] = _READ
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
            kind, listener = self._listeners[fd]
            if kind == "control":
                self._control.accept(listener, now)
            else:
                self._http.accept(kind, listener, now)
        elif fd in self._http.connections:
            self._http.on_event(fd, events)
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
        self._http.allow = {kind: [ipaddress.ip_network(text) for text in texts] for kind, texts in value["allow"].items()}
        self._host = value["host"]
        own = {"localhost", self._host.lower()}
        self._http.names = {kind: own.union(names) for kind, names in value["names"].items()}
        # What it did not load at its start it cannot load any more: the next panel can.
        if "metrics" in value["listeners"] and "prometheus_client" not in sys.modules:
            self._leave_at = self._leave_at or time.monotonic() + LEAVE
        self._control.operators = Operators(**{name: frozenset(numbers) for name, numbers in value["operators"].items()})


def main() -> NoReturn:
    """Entry: descriptor 0 is the panel's end of its pair to the master; argv holds uid and gid (-1 to stay),

    the paths of modules where metrics are served, and a title.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C is the master's to answer
    master = socket.socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for low in (0, 1):
        os.dup2(null, low)
    os.chdir("/")
    if sys.argv[3]:
        sys.path.extend(path for path in sys.argv[3].split(os.pathsep) if path not in sys.path)
        load_metrics()
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
