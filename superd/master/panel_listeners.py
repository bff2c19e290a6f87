"""The listeners that a panel accepts from: the control socket, the metrics and the status page. The master binds them.

What: opens and closes them, and waits for connections while no panel does.
Runs in: master (root).
Never: accepts a connection.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from superd.errors import BindError
from superd.net.bind import open_plain, remove_path
from superd.system.control_path import control_path
from superd.system.credentials import is_root
from superd.system.paths import Trust
from superd.system.peer_credentials import credentials_of
from superd.system.socket_path import SocketPath

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.log.log import Log
    from superd.settings import HttpSettings, Settings

BACKLOG = 64


class PanelListeners:
    """All of one master, by their kinds. With ``private`` all of superd is one ordinary user: no other may connect."""

    def __init__(self, log: Log, poll: select.poll, *, private: bool) -> None:
        self._log = log
        self._poll = poll
        self._private = private
        self._listener: socket.socket | None = None
        self._pages: dict[str, socket.socket] = {}
        """Listeners of the metrics and of the status page."""
        self._wanted: Mapping[str, HttpSettings] = {}
        self._path: SocketPath | None = None
        self.waiting: set[int] = set()
        """Descriptors of listeners that are polled: no panel accepts from them."""

    @property
    def path(self) -> str:
        """The path of the control socket, or ""."""
        return self._path.path if self._path is not None else ""

    @property
    def has_metrics(self) -> bool:
        """Whether the metrics have a listener."""
        return "metrics" in self._pages

    def open(self, settings: Settings) -> None:
        """Bind the control socket, once, and wait for connections. Without it superd serves all the same."""
        path = control_path(settings.control.socket)
        if not path:
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        trust = Trust.own(strict=is_root())
        try:
            # Every user may connect where one besides root may look; the panel reads who it is, and refuses.
            self._path = SocketPath.bind(sock, path, 0o600 if self._private else 0o666, trust)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError as problem:
            sock.close()
            self._path = None
            why = _holder(path) if problem.errno == errno.EADDRINUSE else (problem.strerror or str(problem))
            self._log.message("warning", f"no control socket at `{path}`: {why}; `superd status` cannot reach this superd")
            return
        self._listener = sock
        self.listen()

    def configure(self, pages: Mapping[str, HttpSettings]) -> None:
        """Open and close listeners of pages whose address is another than before."""
        for kind, page in pages.items():
            if self._wanted.get(kind) is None or self._wanted[kind].listen != page.listen:
                self._close_page(kind)
                self._open_page(kind, page.listen)
        self._wanted = pages

    def _open_page(self, kind: str, address: BindAddress | None) -> None:
        if address is None:
            return
        try:
            self._pages[kind] = open_plain(address)
        except BindError as problem:
            self._log.message("error", f"[{kind}] {problem}; a reload tries again")

    def _close_page(self, kind: str) -> None:
        sock = self._pages.pop(kind, None)
        if sock is None:
            return
        if sock.fileno() in self.waiting:
            self.waiting.discard(sock.fileno())
            self._poll.unregister(sock)
        sock.close()
        remove_path(sock)

    def all(self) -> list[tuple[str, socket.socket]]:
        """Return every listener with its kind."""
        control = [("control", self._listener)] if self._listener is not None else []
        return [*control, *self._pages.items()]

    def listen(self) -> None:
        """Wait for connections: no panel accepts them."""
        for _, sock in self.all():
            if sock.fileno() not in self.waiting:
                self.waiting.add(sock.fileno())
                self._poll.register(sock, select.POLLIN)

    def ignore(self) -> None:
        """Leave connections to a panel."""
        for fd in self.waiting:
            self._poll.unregister(fd)
        self.waiting.clear()

    def close_copies(self) -> None:
        """In a forked child: close what only the master may hold."""
        for _, sock in self.all():
            sock.close()

    def close(self) -> None:
        """Close all, and remove the socket: superd ends."""
        self.ignore()
        for kind in tuple(self._pages):
            self._close_page(kind)
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.remove(Trust.own(strict=is_root()))
            self._path = None


def _holder(path: str) -> str:
    """Return which process has the socket, as far as the kernel says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
            return f"pid {credentials_of(probe)[0]} has it"
        except OSError:
            return "another process has it"
