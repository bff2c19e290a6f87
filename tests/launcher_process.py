"""A real launcher without master and front: the test speaks for both."""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import receive_with, send_with
from superd.ipc.message_pair import message_pair
from superd.launch_spec import Profile
from superd.master.launcher_child import LauncherProcess, start_launcher
from tests.daemon_process import WAIT

R = TypeVar("R", bound=messages.Report)


class RealLauncher:
    """One launcher process, as who runs the test or as ``profile``."""

    def __init__(self, profile: Profile | None = None) -> None:
        self.process: LauncherProcess = start_launcher(profile or Profile())
        self.front, self._end = message_pair()
        self.front.settimeout(WAIT)
        self.process.give_front(self._end)
        self._services: dict[str, dict[str, Any]] = {}
        self._conn = 0
        self._unread: list[messages.Report] = []

    def service(self, name: str, *argv: str, grace: float = -1.0) -> None:
        """Let it start ``argv`` as service ``name``."""
        self._services[name] = {
            "program": argv[0], "argv": list(argv), "env": [["PATH", os.defpath]], "umask": 0o022, "stderr_socket": True,
            "leftovers_grace": grace, "index": len(self._services),
        }  # fmt: skip
        self.process.configure(self._services, {})

    def python(self, name: str, code: str, grace: float = -1.0) -> None:
        """Let it start this Python program."""
        self.service(name, sys.executable, "-I", "-S", "-c", code, grace=grace)

    def launch(self, name: str, *fds: int, host: str = "127.0.0.1") -> int:
        """Ask for a program for each descriptor; they are closed here. Returns the last connection's number."""
        records = []
        for _ in fds:
            self._conn += 1
            records.append(messages.encode_launch(messages.Launch(self._conn, name, host, 1, "127.0.0.1", 2, "", "", "tcp")))
        send_with(self.front, messages.batch(records), fds)
        for fd in fds:
            os.close(fd)
        return self._conn

    def ask(self, request: messages.RunCommand | messages.Signal | messages.List) -> None:
        """Send any other request."""
        self.front.send(messages.batch([messages.encode_request(request)]))

    def report(self, kind: type[R]) -> R:
        """Return the next report of this kind; others are kept for later."""
        while True:
            for index, found in enumerate(self._unread):
                if isinstance(found, kind):
                    del self._unread[index]
                    return found
            data, fds, _ = receive_with(self.front, messages.MAX_MESSAGE, 16)
            for fd in fds:
                os.close(fd)
            assert data, "the launcher is gone"
            self._unread += messages.parse_reports(data)

    def close(self) -> None:
        """End it, and wait for that."""
        ended = os.pidfd_open(self.process.pid)
        self.process.close()
        self.front.close()
        self._end.close()
        assert select.select([ended], [], [], WAIT)[0]
        os.close(ended)
        os.waitpid(self.process.pid, 0)


@contextmanager
def real_launcher(profile: Profile | None = None) -> Iterator[RealLauncher]:
    """A launcher for one test."""
    launcher = RealLauncher(profile)
    try:
        yield launcher
    finally:
        launcher.close()


@contextmanager
def connection() -> Iterator[tuple[socket.socket, int]]:
    """A TCP connection over loopback: the client's end, and the accepted descriptor, which is the caller's."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        client.settimeout(WAIT)
        yield client, accepted.detach()
