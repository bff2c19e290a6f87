"""Keys of superd.toml that the master reads anew: a reload applies each of them to a superd that runs."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


class Running:
    """A superd whose superd.toml says all that it reads; ``cat`` is served at ``port``."""

    def __init__(self, superd: Superd) -> None:
        self.superd = superd
        self.port = free_port()
        self.file = superd.folder / "superd.toml"
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{self.port}"]\n')
        superd.sources = []
        superd.arguments = ["--config", str(self.file)]

    def write(
        self,
        text: str,
        *,
        policy: str = "",
        services: Path | None = None,
        deny: Path | None = None,
        allow: Path | None = None,
    ) -> None:
        """Write superd.toml: ``text``, keys of ``[policy]``, and what superd reads."""
        superd = self.superd
        tables = f'hosts_allow = "{allow or superd.allow}"\nhosts_deny = "{deny or superd.deny}"\n'
        self.file.write_text(f'services = ["{services or superd.services}"]\n{text}[policy]\n{tables}{policy}')

    def start(self, text: str = "") -> None:
        self.write(text)
        self.superd.start()
        assert talk(self.port, b"hi") == b"hi"

    def reload(self) -> str:
        result = self.superd.reload()
        assert "refused" not in result, self.superd.events
        return result


@pytest.fixture
def running(superd: Superd) -> Running:
    return Running(superd)


def served(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_services(running: Running, tmp_path: Path) -> None:
    running.start()
    other, port = tmp_path / "other.d", free_port()
    other.mkdir(mode=0o755)
    (other / "new.toml").write_text(f'server = "/bin/cat"\nuser = "root"\nlisten = ["127.0.0.1:{port}"]\n')
    running.write("", services=other)
    running.reload()
    assert talk(port, b"hi") == b"hi"
    assert not served(running.port)


def test_xinetd(running: Running, tmp_path: Path) -> None:
    needs_root()
    running.start()
    port, conf = free_port(), tmp_path / "xinetd.conf"
    conf.write_text(
        f"service x\n{{\n type = UNLISTED\n port = {port}\n socket_type = stream\n protocol = tcp\n wait = no\n"
        " user = root\n server = /bin/cat\n bind = 127.0.0.1\n}\n"
    )
    running.write(f'xinetd = ["{conf}"]\n')
    running.reload()
    assert talk(port, b"hi") == b"hi"


def test_inetd_and_its_dialect(running: Running, tmp_path: Path) -> None:
    needs_root()
    running.start()
    port, conf = free_port(), tmp_path / "inetd.conf"
    conf.write_text(f"{port} stream tcp nowait:7 root /bin/cat cat\n")
    running.write(f'inetd = ["{conf}"]\ninetd_dialect = "netbsd"\n')
    running.reload()
    assert talk(port, b"hi") == b"hi"
    # To FreeBSD's inetd, a number follows a slash.
    running.write(f'inetd = ["{conf}"]\ninetd_dialect = "freebsd"\n')
    assert "refused" in running.superd.reload()


@pytest.mark.parametrize("table", ["hosts_allow", "hosts_deny"])
def test_tables(running: Running, tmp_path: Path, table: str) -> None:
    running.start()
    other = tmp_path / "other"
    other.write_text("cat: ALL: deny\n" if table == "hosts_allow" else "cat: ALL\n")
    other.chmod(0o644)
    if table == "hosts_allow":
        running.write("", allow=other)
    else:
        running.write("", deny=other)
    running.reload()
    assert talk(running.port) == b""
    assert running.superd.event(event="FAIL", service="cat")["reason"] == "libwrap"


def test_hook_user(running: Running, tmp_path: Path) -> None:
    needs_root()
    ran = tmp_path / "ran"
    os.mkfifo(ran)
    ran.chmod(0o666)
    running.superd.allow.write_text(f"cat: 127.0.0.9: spawn id -un > {ran}\n")
    running.start()
    running.write("", policy='hook_user = "daemon"\n')
    running.reload()
    # Read while the rule's command runs: the connection waits for it.
    with socket.create_connection(("127.0.0.1", running.port), WAIT, source_address=("127.0.0.9", 0)) as sock:
        assert ran.read_text() == "daemon\n"
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


@contextmanager
def session_left_behind(running: Running, before: str, after: str) -> Iterator[socket.socket]:
    """A session of a superd that was reloaded and then stopped."""
    running.start(before)
    running.write(after)
    running.reload()
    with socket.create_connection(("127.0.0.1", running.port), WAIT) as sock:
        sock.sendall(b"one")
        assert sock.recv(3) == b"one"
        assert running.superd.process is not None
        running.superd.process.send_signal(signal.SIGTERM)
        assert running.superd.process.wait(WAIT) == 0
        yield sock


def test_stop_sessions(running: Running) -> None:
    with session_left_behind(running, 'stop_grace = 1\nstop_sessions = "end"\n', 'stop_sessions = "keep"\n') as sock:
        sock.sendall(b"two")
        assert sock.recv(3) == b"two"


def test_stop_grace(running: Running) -> None:
    # Superd has ended, and not after ten minutes.
    with session_left_behind(running, "stop_grace = 600\n", "stop_grace = 0.1\n") as sock:
        assert sock.recv(1) == b""
