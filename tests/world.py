"""A host of superd's own for one test: a private /etc, /var/log and /dev/log, and a network with addresses of one's choice.

Needs root: namespaces of an ordinary user cannot change identities (setgroups is refused there). The host's own files and
network are never touched.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon_process import WAIT, Superd
from tests.needs import needs, needs_root

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")


class World:
    """Around ``superd``: fill ``etc``, then ``superd.start()``; what runs inside begins with ``enter()``."""

    def __init__(self, superd: Superd, *, addresses: tuple[str, ...] = ()) -> None:
        needs_root()
        needs("iproute2", "ip")
        needs("util-linux", "nsenter")
        self._superd = superd
        self.etc = superd.folder / "etc"
        self.var_log = superd.folder / "log"
        self._dev = superd.folder / "dev"
        shutil.copytree("/etc", self.etc, symlinks=True)
        self.etc.chmod(0o755)
        for name in ("hosts.allow", "hosts.deny"):
            (self.etc / name).unlink(missing_ok=True)
        for folder in (self.var_log, self._dev):
            folder.mkdir(mode=0o755)
        # Not mknod: that is one more capability than the namespaces need.
        lines = [f"touch {self._dev}/{name}; mount --bind /dev/{name} {self._dev}/{name}" for name in _DEVICES]
        lines += [f"mount --bind {self.etc} /etc", f"mount --bind {self.var_log} /var/log", f"mount --rbind {self._dev} /dev"]
        lines += ["ip link set lo up", *(f"ip addr add {address}/32 dev lo" for address in addresses), 'exec "$@"']
        superd.prefix = ["unshare", "-n", "-m", "sh", "-e", "-c", "\n".join(lines), "sh"]
        superd.allow, superd.deny = Path("/etc/hosts.allow"), Path("/etc/hosts.deny")

    def syslog(self) -> socket.socket:
        """The receiving end of /dev/log, before superd starts."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(self._dev / "log"))
        (self._dev / "log").chmod(0o666)
        sock.settimeout(WAIT)
        return sock

    @contextmanager
    def hears_syslog(self) -> Iterator[list[str]]:
        """What is written to /dev/log meanwhile; complete when it is over."""
        heard: list[str] = []
        with self.syslog() as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.connect(log.getsockname())

            def listen() -> None:
                while (line := log.recv(8192)) != b"end of test":
                    heard.append(line.decode())

            listener = threading.Thread(target=listen)
            listener.start()
            try:
                yield heard
            finally:
                end.send(b"end of test")
                listener.join()
                Path(log.getsockname()).unlink()

    def run(self, *command: str, text: str = "") -> str:
        """What a command in the same world prints; it must end well."""
        assert self._superd.process is not None
        enter = ["nsenter", "-t", str(self._superd.process.pid), "-n", "-m", "--wd=/", "--"]
        # Bytes in between: text mode would hide the ends of lines.
        done = subprocess.run([*enter, *command], input=text.encode(), capture_output=True, timeout=WAIT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def talk(self, port: int, text: str = "", *, host: str = "127.0.0.1", source: str = "127.0.0.1") -> str:
        """``text`` sent from ``source``, and all that comes back until the other side ends."""
        nc = needs("netcat-openbsd", "nc")
        return self.run(nc, "-N", "-s", source, host, str(port), text=text)
