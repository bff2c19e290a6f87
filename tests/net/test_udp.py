"""Datagram sockets that are looked through, let go and refilled, with the kernel of this host."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from superd.net import udp
from tests.daemon_process import free_port


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def sock(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind((request.param, free_port(socket.SOCK_DGRAM)))
        bound.setblocking(False)
        yield bound


def client_of(sock: socket.socket) -> socket.socket:
    client = socket.socket(sock.family, socket.SOCK_DGRAM)
    host = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
    client.bind((host, 0))
    client.connect((host, sock.getsockname()[1]))
    client.settimeout(10)
    return client


def test_looking_takes_nothing_out_and_an_empty_one_is_seen_once(sock: socket.socket) -> None:
    with client_of(sock) as one, client_of(sock) as two:
        for client, payload in ((one, b"a"), (two, b""), (one, b"ccc")):
            client.send(payload)
        names = [one.getsockname(), two.getsockname(), one.getsockname()]
        assert udp.senders(sock, 2) == names[:2]
        assert udp.senders(sock, 10) == [names[0], names[2]]
        assert udp.drain(sock) == list(zip([b"a", b"", b"ccc"], names, strict=True))
        assert udp.senders(sock, 10) == []


def test_a_socket_on_any_port_does_not_lose_it_unnoticed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for each in (sock, peer):
            each.bind(("127.0.0.1", 0))
        sock.connect(peer.getsockname())
        with pytest.raises(OSError, match="requested address"):
            udp.disconnect(sock)


def test_a_fed_socket_hears_its_feeder_alone_and_then_its_peer(sock: socket.socket) -> None:
    host = sock.getsockname()[0]
    with client_of(sock) as peer, udp.feeder(sock) as feeder:
        with pytest.raises(ConnectionRefusedError):
            peer.send(b"not heard")
            peer.recv(10)
        feeder.send(b"fed")
        udp.disconnect(sock)
        assert sock.getsockname()[0] == host
        sock.connect(peer.getsockname())
        peer.send(b"heard")
        assert [payload for payload, _ in udp.drain(sock)] == [b"fed", b"heard"]
        sock.send(b"answer")
        assert peer.recv(10) == b"answer"
