"""Every kind of address a service can listen on, through the real daemon: unix sockets of all types, IPv6, both families."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs_root


def connected(path: Path | str, kind: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.settimeout(WAIT)
    sock.connect(str(path))
    return sock


def everything(sock: socket.socket) -> bytes:
    answer = b""
    while piece := sock.recv(65536):
        answer += piece
    return answer


@pytest.mark.parametrize("path", ["{folder}/s.sock", "@superd-test-{pid}"])
def test_a_program_on_a_unix_stream_socket(superd: Superd, path: str) -> None:
    path = path.format(folder=superd.folder, pid=os.getpid())
    superd.service(
        "env",
        f'server = "/usr/bin/env"\nlisten = ["unix:{path}"]\nsocket_mode = "0640"\nlog_on_success = ["HOST", "PID", "EXIT"]\n',
    )
    superd.start()
    if path.startswith("/"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    with connected(path.replace("@", "\0"), socket.SOCK_STREAM) as sock:
        variables = everything(sock).decode().splitlines()
    assert {"PROTO=UNIX", "REMOTE_HOST=localhost"} <= set(variables)
    assert {f"REMOTE_UID={os.getuid()}", f"IPCREMOTEEUID={os.getuid()}", f"IPCREMOTEEGID={os.getgid()}"} <= set(variables)
    assert not [line for line in variables if line.startswith(("TCP", "REMOTE_PORT"))]
    assert superd.event(event="START", service="env")["uid"] == os.getuid()
    superd.stop()
    assert not os.path.exists(path)


def test_a_path_that_a_killed_superd_left_is_taken_over_and_a_file_is_not(superd: Superd) -> None:
    path, file = superd.folder / "s.sock", superd.folder / "file"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\n')
    superd.start()
    assert superd.process is not None
    superd.process.send_signal(signal.SIGKILL)
    superd.stop()
    assert path.exists()
    file.write_text("mine")
    superd.service("other", f'server = "/bin/cat"\nlisten = ["unix:{file}"]\n')
    superd.start()
    superd.message("cannot listen on `unix:")
    with connected(path, socket.SOCK_STREAM) as sock:
        sock.sendall(b"hi")
        sock.shutdown(socket.SHUT_WR)
        assert everything(sock) == b"hi"
    superd.stop()
    assert file.read_text() == "mine"


def test_the_owner_of_a_path_is_who_was_named(superd: Superd) -> None:
    needs_root()
    path = superd.folder / "s.sock"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\nsocket_user = "nobody"\nsocket_group = "daemon"\n')
    superd.start()
    assert (path.owner(), path.group()) == ("nobody", "daemon")
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\nsocket_user = "1"\n')
    superd.reload()
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 0)
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\n')
    superd.reload()
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_messages_of_a_seqpacket_socket_stay_apart(superd: Superd) -> None:
    path = superd.folder / "s.sock"
    superd.service("cat", f'server = "/bin/cat"\nsocket_type = "seqpacket"\nlisten = ["unix:{path}"]\n')
    superd.start()
    with connected(path, socket.SOCK_SEQPACKET) as sock:
        for message in (b"one", b"two"):
            sock.send(message)
        assert [sock.recv(100) for _ in range(2)] == [b"one", b"two"]


READER = """
import socket
sock = socket.socket(fileno=0)
data, sender = sock.recvfrom(100)
if sender:
    sock.sendto(b"got " + data, sender)
else:
    print(data.decode(), file=__import__("sys").stderr)
"""


def test_a_datagram_program_on_a_unix_socket_gets_what_named_and_nameless_senders_send(superd: Superd) -> None:
    path, mine = superd.folder / "s.sock", superd.folder / "mine.sock"
    superd.service(
        "reader",
        f'socket_type = "dgram"\nwait = true\nserver = "{sys.executable}"\nflags = ["NAMEINARGS"]\n'
        f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(READER)}]\nlisten = ["unix:{path}"]\n',
    )
    superd.start()
    with connected(path, socket.SOCK_DGRAM) as nameless, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as named:
        nameless.send(b"hello")
        assert superd.event(message="hello")["service"] == "reader"
        named.settimeout(WAIT)
        named.bind(str(mine))
        mine.chmod(0o777)
        named.sendto(b"hello", str(path))
        assert named.recv(100) == b"got hello"


def test_a_datagram_program_on_a_unix_socket_must_wait(superd: Superd) -> None:
    superd.service("cat", f'socket_type = "dgram"\nserver = "/bin/cat"\nlisten = ["unix:{superd.folder}/s.sock"]\n')
    with pytest.raises(AssertionError):
        superd.start()
    superd._reader.join(WAIT)
    assert superd.process is not None
    assert superd.process.wait(WAIT) == 78


@pytest.mark.parametrize("kind", ["stream", "dgram", "seqpacket"])
def test_the_internal_echo_answers_on_unix_sockets(superd: Superd, kind: str) -> None:
    path, mine = superd.folder / "s.sock", superd.folder / "mine.sock"
    superd.service("echo", f'type = "INTERNAL"\nsocket_type = "{kind}"\nlisten = ["unix:{path}"]\n')
    superd.start()
    number = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}[kind]
    with socket.socket(socket.AF_UNIX, number) as sock:
        sock.settimeout(WAIT)
        if kind == "dgram":
            sock.bind(str(mine))
            mine.chmod(0o777)
        sock.connect(str(path))
        sock.send(b"hello")
        assert sock.recv(100) == b"hello"


def test_a_wildcard_takes_both_families_and_the_family_can_be_said(superd: Superd) -> None:
    both, four, six, only = (free_port() for _ in range(4))
    for name, listen in (("both", f"*:{both}"), ("four", f"0.0.0.0:{four}"), ("six", f"[::]:{six}")):
        superd.service(name, f'server = "/usr/bin/env"\nlisten = ["{listen}"]\n')
    superd.service("only", f'server = "/usr/bin/env"\nport = {only}\nv6only = true\n')
    # One port, two services: not the same addresses.
    superd.service("four-six", f'server = "/bin/cat"\nlisten = ["[::]:{four}"]\n')
    superd.start()
    assert b"REMOTE_ADDR=127.0.0.1\n" in talk(both)
    assert b"REMOTE_ADDR=::1\n" in talk(both, host="::1", source="::1")
    assert b"REMOTE_ADDR=127.0.0.1\n" in talk(four)
    assert talk(four, b"hi", host="::1", source="::1") == b"hi"
    for port in (six, only):
        assert b"REMOTE_ADDR=::1\n" in talk(port, host="::1", source="::1")
        with pytest.raises(ConnectionRefusedError):
            talk(port)


def test_an_ipv4_client_of_a_dual_socket_is_an_ipv4_client_to_every_list(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nport = {port}\nonly_from = ["127.0.0.1", "::1"]\n')
    superd.deny.write_text("cat: [::1]\n")
    superd.start()
    assert talk(port, b"hi") == b"hi"
    assert talk(port, source="127.0.0.2") == b""
    assert superd.event(event="FAIL")["peer"] == "127.0.0.2"
    assert talk(port, host="::1", source="::1") == b""
    assert superd.event(event="FAIL")["reason"] == "libwrap"
