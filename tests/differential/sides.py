"""The same configuration under superd and under the daemon it replaces, each in a network and an /etc of its own.

Questions are asked from a thread that lives in the daemon's network (setns(2) is a thread's own), so that both may have the
same ports. Needs root, as ``World`` does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tests.daemon_process import WAIT, Superd
from tests.needs import needs
from tests.world import World
from tests.xinetd_process import eventually

ROOT = Path(__file__).parent.parent.parent
PEERS = Path(os.environ.get("SUPERD_TEST_PEERS", ROOT / ".peers"))
"""Unpacked packages that cannot be installed next to xinetd, each in a folder of its name (.ci/run makes it)."""
CLONE_NEWNET = 0x40000000
LATE = 5.0
"""What takes longer is another class of time than `at once`; nothing here that is at once takes a tenth of it."""

TABLES = ("passwd", "group", "shadow", "hosts", "networks", "protocols", "services", "rpc")

T = TypeVar("T")


def peer(package: str, program: str) -> str:
    """The path of a program in an unpacked package."""
    return needs(f"{package} (in .peers)", str(PEERS / package / program))


class Side:
    """One daemon that runs."""

    def __init__(self, name: str, world: World, command: list[str], port: int, cwd: Path) -> None:
        self.name = name
        out = world.var_log / f"{name}.out"
        with out.open("ab") as stream:
            # As from a shell: without signals that are ignored in the background, and without what superd keeps from programs.
            self._process = subprocess.Popen(
                ["env", "-u", "SUPERD_TEST_STRICT", "--default-signal", *command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=cwd,
            )
        self.pid = self._process.pid
        self._out = out
        self.wait_for(port)
        self._thread = ThreadPoolExecutor(1, initializer=self._enter)

    def wait_for(self, port: int) -> None:
        """Waits until a process listens on a TCP port of this network."""
        eventually(lambda: self._listening(port), f"{self.name} listening on {port}: {self._out.read_text()}")

    def _listening(self, port: int) -> bool:
        assert self._process.poll() is None, f"{self.name} ended: {self._out.read_text()}"
        try:
            return port in self.listening()
        except FileNotFoundError:  # it has ended meanwhile: the next look says so
            return False

    def listening(self) -> set[int]:
        """The TCP ports that a process listens on here."""
        found = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A":  # TCP_LISTEN, of net/tcp_states.h
                    found.add(int(words[1].rpartition(":")[2], 16))
        return found

    def _enter(self) -> None:
        network = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(network, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(network)

    def ask(self, probe: Callable[..., T], *arguments: Any, **more: Any) -> T:
        """What ``probe`` returns when it is called in the daemon's network."""
        return self._thread.submit(probe, *arguments, **more).result(3 * WAIT)

    def reload(self) -> None:
        """SIGHUP; when it is over is seen by what it changes."""
        os.kill(self.pid, signal.SIGHUP)

    def said(self) -> str:
        """What it has printed."""
        return self._out.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ended(self) -> int:
        """Its status, when it has ended by itself."""
        return self._process.wait(WAIT)

    def stop(self) -> None:
        """Ends it."""
        self._thread.shutdown()
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


class Sides:
    """A world, and the daemons that were started in it."""

    def __init__(self, folder: Path, addresses: tuple[str, ...] = ()) -> None:
        for each in (folder, folder.parent, folder.parent.parent):
            each.chmod(0o755)
        holder = Superd(folder, folder)
        self.folder = folder
        self.world = World(holder, addresses=addresses)
        # Names of clients come from here alone: no server answers for DNS in such a network, and libwrap would wait.
        names = [f"127.0.{net}.{host} client-{net}-{host}.test" for net, host in ((0, 2), (0, 3), (0, 66), (9, 9))]
        (self.world.etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + "\n".join(names) + "\n")
        (self.world.etc / "nsswitch.conf").write_text("".join(f"{table}: files\n" for table in TABLES))
        self._prefix = holder.prefix
        self._all: list[Side] = []

    def limit_files(self, soft: int, hard: int) -> None:
        """With how many descriptors each of them is started from now on."""
        self._prefix = [*self._prefix, needs("util-linux", "prlimit"), f"--nofile={soft}:{hard}"]

    def xinetd(self, conf: Path, port: int, *more: str) -> Side:
        """The real one."""
        log = self.world.var_log / "xinetd.log"
        command = [needs("xinetd", "xinetd"), "-dontfork", "-f", str(conf), "-filelog", str(log), *more]
        return self._start("xinetd", command, port)

    def openbsd(self, conf: Path, port: int) -> Side:
        """OpenBSD's inetd, as Debian has it."""
        return self._start("openbsd-inetd", [peer("openbsd-inetd", "usr/sbin/inetd"), "-d", str(conf)], port)

    def inetutils(self, conf: Path, port: int) -> Side:
        """GNU inetutils' inetd."""
        return self._start("inetutils-inetd", [peer("inetutils-inetd", "usr/sbin/inetutils-inetd"), "-d", str(conf)], port)

    def superd(self, conf: Path, port: int) -> Side:
        """superd over the same file."""
        return self._start("superd", [sys.executable, "-m", "superd", "run", "--config", str(conf)], port)

    def _start(self, name: str, command: list[str], port: int) -> Side:
        # The inetds stay where they are in their foreground, and go to / as daemons.
        side = Side(name, self.world, [*self._prefix, *command], port, ROOT if name == "superd" else Path("/"))
        self._all.append(side)
        return side

    def stop(self) -> None:
        """Ends them all."""
        for side in self._all:
            side.stop()


def same(theirs: Side, ours: Side, probe: Callable[[int], object], port: int) -> None:
    """Both give a client the same."""
    said, wanted = ours.ask(probe, port), theirs.ask(probe, port)
    # The last lines of a failed run are what its reader gets: the two answers have to be there.
    assert said == wanted, f"{ours.said()}\nsuperd: {said!r}\n{theirs.name}: {wanted!r}"


def write_programs(folder: Path, programs: dict[str, str]) -> None:
    """Write each program's text into a file of its name."""
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def connected(port: int, source: str = "127.0.0.1", host: str = "127.0.0.1") -> socket.socket:
    """A connection, for as long as the caller wants."""
    return socket.create_connection((host, port), WAIT, source_address=None if ":" in host else (source, 0))


def rest(sock: socket.socket) -> bytes:
    """All that comes until the other side ends, however it does: a reset is sent for unread bytes, and is not another answer."""
    said = b""
    try:
        while piece := sock.recv(65536):
            said += piece
    except ConnectionResetError:
        pass
    return said


def talk(
    port: int, data: bytes = b"", *, source: str = "127.0.0.1", host: str = "127.0.0.1", half: bool = True
) -> tuple[str, bytes]:
    """What one client sees: the class of time, and all it is sent; ``half``: it ends its own side first."""
    began = time.monotonic()
    try:
        with connected(port, source, host) as sock:
            try:
                if data:
                    sock.sendall(data)
                if half:
                    sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the other side has ended already
            said = rest(sock)
    except ConnectionRefusedError:
        return "nobody listens", b""
    return ("late" if time.monotonic() - began > LATE else "at once"), said


def ask(port: int, data: bytes, *, source: str = "127.0.0.1", host: str = "127.0.0.1") -> bytes:
    """The answer to one datagram, which is sent again while none comes: xinetd throws away what waits when it has answered."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        if ":" not in host:
            sock.bind((source, 0))
        sock.connect((host, port))
        for _ in range(int(WAIT)):
            sock.send(data)
            with contextlib.suppress(TimeoutError):
                return sock.recv(65536)
    raise TimeoutError
