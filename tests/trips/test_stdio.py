"""Programs with pipes or a terminal in the place of their connection, through the whole daemon."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


def serve(superd: Superd, script: str, stdio: str, extra: str = "") -> int:
    port = free_port()
    program = superd.folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    superd.service(
        "prog",
        f'server = "{program}"\nlisten = ["127.0.0.1:{port}"]\nstdio = "{stdio}"\n'
        f'log_on_success = ["HOST", "PID", "EXIT", "TRAFFIC"]\n{extra}',
    )
    superd.start()
    return port


def test_pipes_that_can_be_opened_anew_the_clients_end_and_the_bytes(superd: Superd) -> None:
    user = 'user = "nobody"\n' if os.geteuid() == 0 else ""
    port = serve(superd, "test -p /dev/stdin && cat </dev/stdin >/dev/stdout; echo end; exit 3", "pipe", user)
    data = os.urandom(1 << 16)
    assert talk(port, data) == data + b"end\n"
    ended = superd.event(event="exit", service="prog")
    assert (ended["in"], ended["out"], ended["status"]) == (len(data), len(data) + 4, 3)


def test_a_terminal_of_its_own_with_a_size(superd: Superd) -> None:
    user = 'user = "nobody"\n' if os.geteuid() == 0 else ""
    script = "test -t 0 && test -t 1 || exit 9\nstty size\necho there >/dev/tty\nread line\necho got $line\ncat"
    port = serve(superd, script, "pty", user)
    assert talk(port, b"hello\nmore\n") == b"24 80\r\nthere\r\ngot hello\r\nmore\r\n"
    assert superd.event(event="exit", service="prog")["status"] == 0


@pytest.mark.parametrize("stdio", ["pipe", "pty"])
def test_a_session_ends_with_its_time_and_the_program_with_it(superd: Superd, stdio: str) -> None:
    port = serve(superd, "echo $$; exec sleep 60", stdio, "limits = { session = 0.5 }\n")
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        pid = int(sock.recv(100))
        assert sock.recv(100) == b""
    ended = superd.event(event="exit", service="prog")
    assert (ended["signal"], ended["pid"]) == (signal.SIGTERM, pid)


@pytest.mark.parametrize("stdio", ["pipe", "pty"])
def test_silence_ends_the_program(superd: Superd, stdio: str) -> None:
    port = serve(superd, "echo hi; exec sleep 60", stdio, "limits = { idle = 0.3 }\n")
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(100).strip() == b"hi"
        assert sock.recv(100) == b""
    superd.message("silence")
    superd.event(event="exit", service="prog")


def test_a_client_that_goes_away_hangs_the_terminal_up(superd: Superd) -> None:
    port = serve(superd, "trap 'echo hup >$0.hup; exit 5' HUP\necho ready\nread line\nsleep 60 & wait", "pty")
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    with sock:
        assert sock.recv(100) == b"ready\r\n"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    superd.event(event="exit", service="prog")


def test_a_program_that_cannot_be_started_is_a_failure_and_its_client_sees_the_end(superd: Superd) -> None:
    port = serve(superd, "exit 0", "pipe")
    (superd.folder / "program").unlink()
    assert talk(port) == b""
    superd.event(event="fail", service="prog")


def test_a_relay_that_dies_leaves_the_program_its_end_of_input(superd: Superd) -> None:
    port = serve(superd, "echo ready; cat >/dev/null; exit 7", "pipe")
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(100) == b"ready\n"
        (relay,) = superd.relays()
        os.kill(relay, signal.SIGKILL)
        assert sock.recv(100) == b""
    assert superd.event(event="exit", service="prog")["status"] == 7


def test_the_launcher_never_has_the_clients_socket(superd: Superd) -> None:
    needs_root()
    port = serve(superd, "echo ready; exec sleep 60", "pipe")
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(100) == b"ready\n"
        links = [link.readlink().name for pid in superd.launchers() for link in Path(f"/proc/{pid}/fd").iterdir()]
        inode = next(
            line.split()[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{port:04X}") and line.split()[2].endswith(f":{sock.getsockname()[1]:04X}")
        )
        assert f"socket:[{inode}]" not in links
