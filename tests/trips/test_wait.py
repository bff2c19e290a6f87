"""``wait`` services through the real daemon: the program has the listening socket, and superd is deaf until it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk

TAKER = """
import socket
sock = socket.socket(fileno=0)
sock.settimeout(0.2)
try:
    while True:
        data, sender = sock.recvfrom(100)
        sock.sendto(b"got " + data, sender)
        if data == b"last":
            break
except TimeoutError:
    pass
"""
ACCEPTER = """
import socket
with socket.socket(fileno=0) as listener, listener.accept()[0] as sock:
    sock.sendall(sock.recv(100))
"""


def program_text(script: str) -> str:
    """Return the keys of a `wait` service whose program is ``script``."""
    arguments = json.dumps([sys.executable, "-I", "-S", "-c", script])
    return f'wait = true\nserver = "{sys.executable}"\nflags = ["NAMEINARGS"]\nserver_args = {arguments}\n'


def program(superd: Superd, name: str, script: str, port: int, extra: str = "") -> None:
    superd.service(name, f'{program_text(script)}listen = ["127.0.0.1:{port}"]\n{extra}')


def test_what_waits_in_the_queue_when_a_program_ends_is_the_next_ones(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    program(superd, "taker", TAKER, port, 'socket_type = "dgram"\n')
    superd.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.connect(("127.0.0.1", port))
        for data in (b"one", b"last", b"two", b"last"):
            sock.send(data)
        assert [sock.recv(100) for _ in range(4)] == [b"got one", b"got last", b"got two", b"got last"]
    pids = {superd.event(event="START", service="taker")["pid"] for _ in range(2)}
    assert len(pids) == 2


def test_a_stream_program_accepts_for_itself(superd: Superd) -> None:
    port = free_port()
    program(superd, "accepter", ACCEPTER, port)
    superd.start()
    for data in (b"one", b"two"):
        assert talk(port, data) == data
        superd.event(event="EXIT", service="accepter")


def test_who_may_not_send_starts_nothing(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    program(superd, "taker", TAKER, port, 'socket_type = "dgram"\nonly_from = ["127.0.0.1"]\n')
    superd.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as good:
        bad.bind(("127.0.0.2", 0))
        bad.sendto(b"one", ("127.0.0.1", port))
        good.settimeout(WAIT)
        good.sendto(b"last", ("127.0.0.1", port))
        assert good.recv(100) == b"got last"
    assert superd.event(event="START", service="taker")["peer"] == "127.0.0.1"


def test_a_service_that_is_held_back_by_a_limit_is_started_when_that_is_over(superd: Superd) -> None:
    port, stream, cat = free_port(socket.SOCK_DGRAM), free_port(), free_port()
    program(superd, "taker", TAKER, port, 'socket_type = "dgram"\n')
    program(superd, "accepter", ACCEPTER, stream)
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{cat}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text("process_limit = 1\n")
    superd.start("--config", str(config))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        with socket.create_connection(("127.0.0.1", cat), WAIT):
            superd.event(event="START", service="cat")
            sock.sendto(b"last", ("127.0.0.1", port))
            superd.message("its program is not started yet, and clients wait: process_limit")
        assert sock.recv(100) == b"got last"
    assert talk(stream, b"hi") == b"hi"


def test_a_new_front_leaves_the_socket_to_the_program_that_has_it(superd: Superd) -> None:
    port = free_port()
    program(superd, "accepter", ACCEPTER, port)
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        pid = superd.event(event="START", service="accepter")["pid"]
        os.kill(superd.front(), signal.SIGKILL)
        superd.message("the front ended")
        with socket.create_connection(("127.0.0.1", port), WAIT) as second:
            sock.sendall(b"one")
            assert sock.recv(100) == b"one"
            assert superd.event(event="EXIT", service="accepter")["pid"] == pid
            second.sendall(b"two")
            assert second.recv(100) == b"two"
    assert superd.event(event="START", service="accepter")["pid"] != pid
    superd.event(event="EXIT", service="accepter")
    assert not [event for event in superd.events if event["event"] == "start"]


def test_a_rule_that_cannot_be_held_against_clients_refuses_them_all(superd: Superd) -> None:
    port, open_port = free_port(), free_port()
    program(superd, "accepter", ACCEPTER, port, 'libwrap = "accepter"\n')
    program(superd, "other", ACCEPTER, open_port, 'libwrap = "other"\n')
    superd.deny.write_text("accepter: 192.0.2.7\n")
    superd.start()
    assert talk(port, b"") == b""
    refused = superd.event(event="FAIL", service="accepter")
    assert (refused["reason"], refused["peer"]) == ("libwrap", "127.0.0.1")
    assert talk(open_port, b"two") == b"two"
    superd.deny.write_text("")
    assert talk(port, b"three") == b"three"


KEEPS = """
import os, signal, socket, time
signal.alarm(60)
sock = socket.socket(fileno=0)
if os.fork():
    conn, _ = sock.accept()
    conn.sendall(b"kept")
    os._exit(0)
signal.alarm(60)
while True:
    try:
        sock.setblocking(True)
        sock.accept()[0].close()
    except OSError:
        try:
            sock.listen()
        except OSError:
            pass
        time.sleep(0.01)
"""
"""A program that leaves a process which goes on accepting from the socket, and makes it blocking each time."""


@pytest.mark.parametrize("unix", [False, True])
def test_a_service_that_is_accepted_from_now_has_a_socket_that_no_program_has_had(superd: Superd, unix: bool) -> None:
    """The front stood still in accept(2): a process that the program had left took its connections away."""
    port, other, path = free_port(), free_port(), superd.folder / "socket"
    where = f"unix:{path}" if unix else f"127.0.0.1:{port}"
    extra = f'listen = ["{where}"]\n'

    def ask(data: bytes = b"") -> bytes:
        family, address = (socket.AF_UNIX, str(path)) if unix else (socket.AF_INET, ("127.0.0.1", port))
        with socket.socket(family) as client:
            client.settimeout(WAIT)
            client.connect(address)
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(100), b""))

    superd.service("keeps", program_text(KEEPS) + extra)
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{other}"]\n')
    superd.start()
    while ask() != b"kept":
        pass  # the process that stays took it
    superd.event(event="EXIT", service="keeps")
    superd.service("keeps", f'server = "/bin/cat"\n{extra}')
    assert "changed `" in superd.reload()
    for _ in range(20):
        assert ask(b"one") == b"one"
        assert talk(other, b"two") == b"two"


BLOCKING = """
import os, socket
sock = socket.socket(fileno=0)
for _ in range(2):
    conn, _ = sock.accept()
    conn.sendall(b"%d" % os.get_blocking(0))
    conn.close()
"""


@pytest.mark.parametrize("reload", [False, True])
def test_neither_a_new_front_nor_a_reload_makes_the_socket_of_a_running_program_non_blocking(
    superd: Superd, reload: bool
) -> None:
    """Its next accept(2) got EAGAIN, and it ended."""
    port = free_port()
    program(superd, "blocking", BLOCKING, port)
    superd.start()
    assert talk(port) == b"1"
    if reload:
        program(superd, "blocking", BLOCKING, port, "backlog = 7\n")
        assert "changed `" in superd.reload()
    else:
        os.kill(superd.front(), signal.SIGKILL)
        superd.message("the front ended")
        assert superd.reload()  # another serves
    assert talk(port) == b"1"
    superd.event(event="EXIT", service="blocking")
