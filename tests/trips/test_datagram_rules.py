"""What a rule does besides deciding where there is no connection: the trap for tftp of hosts_access(5)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.daemon_process import Superd, free_port


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A pipe that tells when the command has run."""
    os.mkfifo(tmp_path / "trap")
    return tmp_path / "trap"


def serve(superd: Superd) -> int:
    port = free_port(socket.SOCK_DGRAM)
    superd.service(
        "tftp",
        f'socket_type = "dgram"\nwait = true\nserver = "/bin/sh"\nserver_args = ["-c", "head -c 3; sleep 0"]\n'
        f'libwrap = "in.tftpd"\nlisten = ["127.0.0.1:{port}"]\n',
    )
    return port


def send(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"abc", ("127.0.0.1", port))


def test_the_trap_is_sprung_and_the_datagram_refused(superd: Superd, trap: Path) -> None:
    port = serve(superd)
    superd.deny.write_text(f"in.tftpd : ALL : setenv WHO trapped : spawn (/bin/echo $WHO %d %a > {trap}) &\n")
    superd.start()
    send(port)
    assert trap.read_text() == "trapped in.tftpd 127.0.0.1\n"
    superd.event(event="FAIL", peer="127.0.0.1")


def test_a_rule_that_admits_runs_its_command_too(superd: Superd, trap: Path) -> None:
    port = serve(superd)
    superd.allow.write_text(f"in.tftpd : ALL : spawn /bin/echo %c > {trap}\n")
    superd.start()
    send(port)
    assert trap.read_text() == "127.0.0.1\n"
    superd.event(event="START", service="tftp")


def test_a_twist_has_no_client_to_answer_and_refuses(superd: Superd) -> None:
    port = serve(superd)
    superd.deny.write_text("in.tftpd : ALL : twist /bin/echo go away\n")
    superd.start()
    send(port)
    superd.event(event="FAIL", detail="a datagram has no connection for a twist")
    assert not [event for event in superd.rest() if event.get("event") == "start"]
