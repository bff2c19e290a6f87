"""A service manager to the letter of sd_notify(3) and sd_listen_fds(3): where the tests run, no systemd is process 1."""

from __future__ import annotations

import array
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.daemon_process import WAIT, Superd

SHIM = """
import fcntl, os, sys
fds, names, command = [int(word) for word in sys.argv[1].split(",") if word], sys.argv[2], sys.argv[3:]
high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 500) for fd in fds]
for fd in fds:
    os.close(fd)
for number, fd in enumerate(high, 3):
    os.dup2(fd, number)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""
"""Passes descriptors as sd_listen_fds(3) has them: from 3 on, close-on-exec off, with the pid of the process that gets them."""


class ServiceManager:
    """Starts a superd as its service, hears it, and keeps what it stores from one start to the next."""

    def __init__(self, superd: Superd, monkeypatch: pytest.MonkeyPatch, *, room: int = 512) -> None:
        self.superd = superd
        path = superd.folder / "notify"
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        path.chmod(0o777)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("FDSTORE", str(room))
        self.store: list[tuple[str, int]] = []
        self.sockets: list[tuple[str, int]] = []
        """Those of socket units, which it passes at each start."""
        self.heard: list[str] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            data, ancillary, _, _ = self._sock.recvmsg(4096, 4096)
            if not data:
                return
            fds = array.array("i")
            for level, kind, piece in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(piece[: len(piece) - len(piece) % 4])
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            with self._news:
                if fields.get("FDSTORE") == "1":
                    assert fields["FDPOLL"] == "0"
                    self.store += [(fields["FDNAME"], fd) for fd in fds]
                    fds = array.array("i")
                if fields.get("FDSTOREREMOVE") == "1":
                    for name, fd in [entry for entry in self.store if entry[0] == fields["FDNAME"]]:
                        self.store.remove((name, fd))
                        os.close(fd)
                self.heard.append(data.decode())
                self._news.notify_all()
            for fd in fds:  # BARRIER: all that was sent before has been read
                os.close(fd)

    def hears(self, word: str, after: int = 0) -> int:
        """Wait for a message with this line; return how many messages there are then."""
        deadline = time.monotonic() + WAIT
        with self._news:
            while not any(word in text.splitlines() for text in self.heard[after:]):
                assert self._news.wait(max(0.0, deadline - time.monotonic())), (word, self.heard[after:])
            return len(self.heard)

    def start(self) -> None:
        """Start superd with the sockets and with what it stored."""
        passed = [*self.sockets, *self.store]
        fds = [fd for _, fd in passed]
        self.superd.prefix = [sys.executable, "-c", SHIM, ",".join(map(str, fds)), ":".join(name for name, _ in passed)]
        self.superd.pass_fds = tuple(fds)
        self.superd.start()

    def stop(self) -> None:
        """Send SIGTERM and wait for the end of the main process: KillMode=process."""
        process = self.superd.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0

    def restart(self) -> None:
        """What `systemctl restart` does."""
        self.stop()
        self.start()

    def let_go(self) -> None:
        """What `systemctl stop` does once the main process has ended: the store is emptied."""
        for _, fd in self.store:
            os.close(fd)
        self.store.clear()

    def close(self) -> None:
        """End."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self._sock.getsockname())
        self._thread.join(WAIT)
        self._sock.close()
        self.let_go()
        for _, fd in self.sockets:
            os.close(fd)


@contextlib.contextmanager
def service_manager(superd: Superd, monkeypatch: pytest.MonkeyPatch, *, room: int = 512) -> Iterator[ServiceManager]:
    """A manager of this superd until the test ends."""
    manager = ServiceManager(superd, monkeypatch, room=room)
    try:
        yield manager
    finally:
        manager.close()


def gone(pid: int) -> bool:
    """Wait until a process has ended; return whether it did."""
    try:
        ended = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([ended], [], [], WAIT)[0])
    finally:
        os.close(ended)
