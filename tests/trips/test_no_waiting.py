"""Programs and clients that try to make superd wait for them: every other service goes on, and superd obeys."""

from __future__ import annotations

import json
import socket
import sys
import time

import pytest

from tests.daemon_process import Superd, free_port, talk

AT_ONCE = 8.0
"""Seconds that an honest client waits at most on a busy machine; what these programs ask for is several times as long."""

LINGERS = """
import socket, struct
sock = socket.socket(fileno=0)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
sock.setblocking(False)
try:
    while True:
        sock.send(bytes(65536))
except BlockingIOError:
    pass
"""
"""A program that ends while its client has not read what it sent, and whose socket waits for that client when it is closed."""

CONNECTS = """
import socket, struct
sock = socket.socket(fileno=0)
sock.shutdown(socket.SHUT_RDWR)
sock.connect(("127.0.0.1", PORT))
""" + LINGERS.partition("fileno=0)")[2]
"""A `wait` program that turns its listening socket into a connection to a server that never reads."""


def python(code: str) -> str:
    """Return the keys of a service whose program is ``code``."""
    arguments = json.dumps([sys.executable, "-I", "-S", "-c", code])
    return f'server = "{sys.executable}"\nflags = ["NAMEINARGS"]\nserver_args = {arguments}\n'


@pytest.mark.parametrize("more", ["", "limits.idle = 600\n", 'access_times = "00:00-23:59"\n'])
def test_no_service_waits_for_a_program_whose_socket_lingers(superd: Superd, more: str) -> None:
    """A front that kept a copy for `limits.idle` stood still for the program's linger time."""
    port, other = free_port(), free_port()
    superd.service("lingers", python(LINGERS) + f'listen = ["127.0.0.1:{port}"]\n{more}')
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{other}"]\n')
    superd.start()
    clients = []
    for _ in range(3):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(("127.0.0.1", port))
        clients.append(client)
    began = time.monotonic()
    for _ in clients:
        superd.event(event="exit", service="lingers")
        assert talk(other, b"hello\n") == b"hello\n"
    superd.reload()
    assert time.monotonic() - began < AT_ONCE
    for client in clients:
        client.close()


def test_root_does_not_wait_for_a_listening_socket_that_its_program_has_connected(superd: Superd) -> None:
    port, other = free_port(), free_port()
    with socket.socket() as never_reads:
        never_reads.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        never_reads.bind(("127.0.0.1", 0))
        never_reads.listen()
        code = CONNECTS.replace("PORT", str(never_reads.getsockname()[1]))
        superd.service("connects", python(code) + f'wait = true\nlisten = ["127.0.0.1:{port}"]\n')
        superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{other}"]\n')
        superd.start()
        with socket.create_connection(("127.0.0.1", port)):
            superd.event(event="exit", service="connects")
            began = time.monotonic()
            (superd.services / "connects.toml").unlink()
            superd.reload()
            assert talk(other, b"hello\n") == b"hello\n"
            superd.reload()  # the master has closed what the first one took out
            assert time.monotonic() - began < AT_ONCE
