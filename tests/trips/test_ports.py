"""superd tells the truth about addresses: what it could not open, why, and which process has it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root
from tests.trips.test_notify import Manager

ROOT = Path(__file__).parent.parent.parent


def cat(*listen: str, extra: str = "") -> str:
    return f'server = "/bin/cat"\nlisten = {list(listen)}\n{extra}'


def run(superd: Superd, *prefix: str) -> subprocess.CompletedProcess[str]:
    """superd in the foreground, which is to end by itself."""
    command = [*prefix, sys.executable, "-m", "superd", "run", "--services", str(superd.services)]
    return subprocess.run(
        [*command, "--hosts-allow", "", "--hosts-deny", ""], capture_output=True, text=True, timeout=WAIT, cwd=ROOT, check=False
    )


def this_process() -> str:
    return f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()}"


def test_where_other_processes_have_every_address_superd_names_them_and_ends(superd: Superd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        superd.service("cat", cat(f"127.0.0.1:{taken.getsockname()[1]}"))
        done = run(superd)
    assert done.returncode == 1
    assert f"Address already in use: {this_process()}" in done.stderr
    assert "superd ends: other processes have every address" in done.stderr
    assert done.stdout == ""


def test_where_nothing_may_be_opened_superd_says_what_it_needs_and_ends_at_once(superd: Superd) -> None:
    needs_root()
    needs("util-linux", "setpriv")
    superd.service("cat", cat("127.0.0.1:79"))
    done = run(superd, "unshare", "-n", "setpriv", "--reuid=65534", "--clear-groups")
    assert done.returncode == 1
    assert "ports below 1024 need root or CAP_NET_BIND_SERVICE" in done.stderr
    assert "trying again" not in done.stderr


def test_what_is_open_is_served_what_is_not_is_named_and_opened_when_it_can_be(
    superd: Superd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    port = free_port()
    with manager.sock, socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        superd.service("one", cat(f"127.0.0.1:{port}"))
        superd.service("two", cat(f"127.0.0.1:{busy}"))
        superd.start()
        missing = f"not listening on 127.0.0.1:{busy}/stream (Address already in use)"
        assert manager.hears() == {"READY": "1", "STATUS": f"1 of 2 services, 1 listener; {missing}"}
        assert talk(port, b"hi") == b"hi"
        # It keeps no reload from its work.
        three = free_port()
        superd.service("three", cat(f"127.0.0.1:{three}"))
        assert superd.reload() == f"reload: opened `three`, 2 kept; {missing}"
        assert talk(three, b"hi") == b"hi"
        taken.close()
        superd.message(f"listening on 127.0.0.1:{busy}/stream now")
        assert talk(busy, b"hi") == b"hi"
        while (status := manager.hears().get("STATUS")) != "3 services, 3 listeners":
            assert status


def test_a_datagram_port_is_shared_with_no_other_process(superd: Superd) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        superd.service("echo", f'type = "INTERNAL"\nsocket_type = "dgram"\nlisten = ["127.0.0.1:{port}"]\n')
        done = run(superd)
        assert done.returncode == 1
        assert f"Address already in use: {this_process()}" in done.stderr
    superd.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", port))


def test_a_unix_path_that_was_deleted_is_made_again_at_a_reload(superd: Superd) -> None:
    path = superd.folder / "s.sock"
    superd.service("cat", cat(f"unix:{path}"))
    superd.start()
    path.unlink()
    superd.reload()
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(WAIT)
            sock.connect(str(path))
            sock.sendall(b"hi")
            assert sock.recv(2) == b"hi"


@pytest.mark.parametrize(("v6only", "both"), [("v6only = false", True), ("v6only = true", False), ("", False)])
def test_an_ipv6_wildcard_takes_ipv4_too_where_that_is_written(superd: Superd, v6only: str, both: bool) -> None:
    port = free_port()
    superd.service("cat", cat(f"[::]:{port}", extra=v6only))
    superd.start()
    assert talk(port, b"hi", host="::1", source="::1") == b"hi"
    if both:
        assert talk(port, b"hi") == b"hi"
    else:
        with pytest.raises(ConnectionRefusedError):
            talk(port, b"hi")
