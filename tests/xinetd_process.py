"""``superd xinetd`` as an init script starts it: in the background, over one xinetd.conf; its files are read."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.daemon_process import WAIT, living

ROOT = Path(__file__).parent.parent


def eventually(condition: Callable[[], object], what: str) -> None:
    """Waits for what another process does to a file."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        select.select([], [], [], 0.01)


class XinetdCommand:
    """One daemon in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "xinetd.conf"
        self.pidfile = folder / "pid"
        self.log = folder / "main.log"

    def configure(self, *entries: str, defaults: str = "") -> None:
        """Writes the configuration whole; an entry is ``name`` and its attribute lines."""
        text = f"defaults\n{{\n{defaults}\n}}\n"
        for entry in entries:
            name, _, lines = entry.partition("\n")
            text += f"service {name}\n{{\n{lines}\n}}\n"
        self.conf.write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command with ``-f``, ``-pidfile`` and ``-filelog``, to the end of its parent."""
        return self.bare("-f", str(self.conf), "-pidfile", str(self.pidfile), "-filelog", str(self.log), *arguments)

    def bare(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command with no other options than these."""
        # Files, not pipes: a daemon that kept its parent's would hold communicate() up until it ends.
        with open(self.folder / "out", "w+") as out, open(self.folder / "err", "w+") as err:
            command = [sys.executable, "-m", "superd", "xinetd", *arguments]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT, timeout=WAIT).returncode
        texts = [(self.folder / name).read_text() for name in ("out", "err")]
        return subprocess.CompletedProcess(command, code, *texts)

    @property
    def pid(self) -> int:
        """The daemon's, as its pid file has it."""
        return int(self.pidfile.read_text())

    def signal(self, number: int) -> None:
        """Sends a signal to the daemon."""
        os.kill(self.pid, number)

    def logged(self, text: str, file: Path | None = None) -> None:
        """Waits until a log has ``text``."""
        path = file or self.log
        eventually(lambda: path.exists() and text in path.read_text(), f"`{text}` in {path.name}")

    def stop(self) -> None:
        """Ends the daemon, if it lives."""
        if self.pidfile.exists():
            pid = self.pid
            os.kill(pid, signal.SIGINT)
            eventually(lambda: not living(pid), "the end of superd")


def internal(name: str, port: int, *more: str) -> str:
    """An entry of an internal stream service on loopback."""
    return "\n".join([name, "type = INTERNAL UNLISTED", "socket_type = stream", "wait = no", *at(port), *more])


def program(name: str, port: int, path: str, *more: str) -> str:
    """An entry of a program on loopback, as the user who runs the tests."""
    return "\n".join(
        [
            name,
            "type = UNLISTED",
            "socket_type = stream",
            "wait = no",
            f"user = {os.geteuid()}",
            f"server = {path}",
            *at(port),
            *more,
        ]
    )


def at(port: int) -> tuple[str, str]:
    """Where an entry listens."""
    return f"port = {port}", "bind = 127.0.0.1"
