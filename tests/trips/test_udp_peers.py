"""Datagram programs with ``wait = false``, through the real daemon: a program and a connected socket for each peer."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import ExitStack

import pytest

from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs_root

TALKER = """
import os, socket
sock = socket.socket(fileno=0)
peer = sock.getpeername()
while True:
    data, sender = sock.recvfrom(65535)
    answer = b"%d %d %s" % (os.getpid(), peer[1], data)
    if data.startswith(b"to"):
        sock.sendto(answer, sender)
    else:
        sock.send(answer)
    if data.endswith(b"end"):
        break
"""


def talker(superd: Superd, name: str, listen: str, extra: str = "") -> None:
    superd.service(
        name,
        f'socket_type = "dgram"\nserver = "{sys.executable}"\nflags = ["NAMEINARGS"]\n'
        f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(TALKER)}]\nlisten = ["{listen}"]\n{extra}',
    )


def client(host: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(WAIT)
    sock.bind((host, 0))
    return sock


def answer(sock: socket.socket) -> tuple[int, int, bytes]:
    """(pid, the port the program's socket is connected to, the data)."""
    pid, port, data = sock.recv(65535).split(b" ", 2)
    return int(pid), int(port), data


def test_each_peer_has_a_program_of_its_own_that_hears_it_alone(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"127.0.0.1:{port}")
    superd.start()
    with client() as one, client() as two:
        one.sendto(b"first", ("127.0.0.1", port))
        pid, connected, data = answer(one)
        assert (connected, data) == (one.getsockname()[1], b"first")
        two.sendto(b"second", ("127.0.0.1", port))
        other, connected, data = answer(two)
        assert (connected, data) == (two.getsockname()[1], b"second")
        assert other != pid
        one.sendto(b"more", ("127.0.0.1", port))
        assert answer(one) == (pid, one.getsockname()[1], b"more")
        for sock in (one, two):
            sock.sendto(b"end", ("127.0.0.1", port))
            answer(sock)
    started = {superd.event(event="START", service="talker")["port"] for _ in range(2)}
    ended = {superd.event(event="EXIT", service="talker")["port"] for _ in range(2)}
    assert started == ended


@pytest.mark.parametrize("way", [b"", b"to "], ids=["send", "sendto"])
def test_a_burst_of_many_peers_loses_none_and_mixes_none_up(superd: Superd, way: bytes) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"*:{port}")
    superd.start()
    with ExitStack() as stack:
        socks = [stack.enter_context(client()) for _ in range(12)]
        with superd.stopped_front():
            for sock in socks:
                sock.sendto(way + b"a", ("127.0.0.1", port))
            for sock in reversed(socks):
                sock.sendto(way + b"end", ("127.0.0.1", port))
        pids = set()
        for sock in socks:
            (pid, first_port, first), (again, second_port, second) = answer(sock), answer(sock)
            assert {first_port, second_port} == {sock.getsockname()[1]}
            assert (first, second) == (way + b"a", way + b"end")
            assert pid == again
            pids.add(pid)
    assert len(pids) == 12


def test_a_strangers_datagram_reaches_no_program(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"127.0.0.1:{port}", 'only_from = ["127.0.0.1"]\n')
    superd.start()
    with client() as friend, client("127.0.0.2") as stranger:
        with superd.stopped_front():
            stranger.sendto(b"before", ("127.0.0.1", port))
            friend.sendto(b"mine", ("127.0.0.1", port))
            stranger.sendto(b"behind", ("127.0.0.1", port))
            friend.sendto(b"end", ("127.0.0.1", port))
        assert [answer(friend)[2] for _ in range(2)] == [b"mine", b"end"]
        assert superd.event(event="FAIL", peer="127.0.0.2")["session"]
        superd.event(event="EXIT", service="talker")
        friend.sendto(b"end", ("127.0.0.1", port))
        assert answer(friend)[2] == b"end"


def test_instances_and_per_source_hold_and_are_free_again_at_the_end(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"127.0.0.1:{port}", "per_source = 1\ninstances = 2\n")
    superd.start()
    with client() as one, client() as two, client("127.0.0.2") as other:
        one.sendto(b"a", ("127.0.0.1", port))
        answer(one)
        two.sendto(b"b", ("127.0.0.1", port))
        superd.event(event="FAIL", reason="per_source")
        other.sendto(b"end", ("127.0.0.1", port))
        answer(other)
        superd.event(event="EXIT", service="talker")
        one.sendto(b"end", ("127.0.0.1", port))
        answer(one)
        superd.event(event="EXIT", service="talker")
        two.sendto(b"end", ("127.0.0.1", port))
        assert answer(two)[2] == b"end"


def test_ipv6_peers_are_connected_to_as_well(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"[::]:{port}")
    superd.start()
    with client("::1") as one, client("::1") as two:
        with superd.stopped_front():
            for sock in (one, two):
                sock.sendto(b"end", ("::1", port))
        for sock in (one, two):
            assert answer(sock)[1:] == (sock.getsockname()[1], b"end")


def test_a_privileged_port_is_bound_anew_by_the_master(superd: Superd) -> None:
    needs_root()
    superd.service("cat", 'socket_type = "dgram"\nserver = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:569"]\n')
    superd.start()
    with client() as one, client() as two:
        for sock in (one, two):
            # What cat writes has somewhere to go only when its socket is connected.
            sock.sendto(b"hello", ("127.0.0.1", 569))
            assert sock.recv(64) == b"hello"


def test_a_reload_and_a_new_front_find_the_socket_that_listens_now(superd: Superd) -> None:
    port = free_port(socket.SOCK_DGRAM)
    talker(superd, "talker", f"127.0.0.1:{port}")
    superd.start()
    with client() as one, client() as two:
        one.sendto(b"a", ("127.0.0.1", port))
        pid, _, _ = answer(one)
        talker(superd, "talker", f"127.0.0.1:{port}", "umask = '077'\n")
        superd.reload()
        two.sendto(b"end", ("127.0.0.1", port))
        assert answer(two)[2] == b"end"
        superd.event(event="EXIT", service="talker")
        os.kill(superd.front(), signal.SIGKILL)
        superd.message("the front ended")
        two.sendto(b"end", ("127.0.0.1", port))
        assert answer(two)[2] == b"end"
        one.sendto(b"end", ("127.0.0.1", port))
        assert answer(one)[0] == pid
