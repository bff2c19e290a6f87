"""The queue of a service with `at_limit = "wait"`, through the real daemon."""

from __future__ import annotations

import signal
import socket

from superd.peer import peer_from_text
from superd.wire.proxy_header import build
from tests.daemon_process import WAIT, Superd, free_port

ONE = 'server = "/bin/cat"\ninstances = 1\nat_limit = "wait"\n'


def connected(port: int, said: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    sock.sendall(said)
    return sock


def test_clients_are_served_one_after_another_and_one_that_left_is_not(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'{ONE}listen = ["127.0.0.1:{port}"]\nqueue = 3\n')
    superd.start()
    first = connected(port, b"1")
    assert first.recv(1) == b"1"
    second, gone, third = connected(port, b"2"), connected(port), connected(port, b"3")
    with connected(port) as refused:
        assert refused.recv(1) == b""
    assert superd.event(event="FAIL", service="cat")["reason"] == "queue"
    gone.close()
    assert superd.event(event="FAIL", reason="gone")["service"] == "cat"
    for sock, after in ((first, second), (second, third)):
        sock.close()
        assert after.recv(1) in b"23"
    third.close()


def test_a_client_waits_no_longer_than_queue_time(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'{ONE}listen = ["127.0.0.1:{port}"]\nqueue_time = 0.5\n')
    superd.start()
    with connected(port, b"1") as first, connected(port) as second:
        assert first.recv(1) == b"1"
        assert second.recv(1) == b""
        assert superd.event(event="FAIL", service="cat")["reason"] == "queue_time"


def test_a_stop_refuses_who_waits(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'{ONE}listen = ["127.0.0.1:{port}"]\n')
    superd.start()
    with connected(port, b"1") as first, connected(port) as second:
        assert first.recv(1) == b"1"
        assert superd.process is not None
        superd.process.send_signal(signal.SIGTERM)
        assert second.recv(1) == b""


def test_who_waits_is_counted_as_its_proxy_announced_it(superd: Superd) -> None:
    port = free_port()
    keys = 'server = "/bin/cat"\nper_source = 1\nat_limit = "wait"\nproxy_protocol = "any"\nproxy_from = ["127.0.0.1"]\n'
    superd.service("cat", f'{keys}listen = ["127.0.0.1:{port}"]\n')
    superd.start()
    server = peer_from_text("198.51.100.1", 22)
    headers = [build(2, peer_from_text(f"192.0.2.{host}", 4711), server) for host in (7, 7, 8)]
    first = connected(port, headers[0] + b"1")
    assert first.recv(1) == b"1"
    second = connected(port, headers[1][:20])  # the rest comes after the connection has got its task
    other = connected(port, headers[2] + b"3")
    assert other.recv(1) == b"3"
    second.sendall(headers[1][20:] + b"2")
    superd.event(event="START", peer="192.0.2.8")
    first.close()
    assert second.recv(1) == b"2"
    started = superd.event(event="START", peer="192.0.2.7")
    assert started["proxy"].startswith("127.0.0.1:")
    other.close()
    second.close()
