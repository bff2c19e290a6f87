"""Both ends of accepted sockets, of every kind, as Peers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from superd.net import peername
from superd.peer import unix_peer

LOOPBACK = socket.if_nametoindex("lo")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_both_ends_of_a_connection_are_known(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        with socket.create_connection((host, server.getsockname()[1])) as client:
            ours, sockaddr = server.accept()
            with ours:
                remote, local = peername.remote(sockaddr), peername.local_of(ours.fileno())
                assert (remote.address, remote.port) == client.getsockname()[:2]
                assert (local.address, local.port) == server.getsockname()[:2]
                assert peername.local((host, local.port)) == local
                ours.send(b"still open")


def test_a_v4_client_of_a_v6_socket_is_a_v4_client() -> None:
    assert peername.remote(("::ffff:192.0.2.1", 7, 0, 0)).address == "192.0.2.1"


def test_a_link_local_address_has_the_name_of_its_interface() -> None:
    assert peername.remote(("fe80::1", 7, 0, LOOPBACK)).address == "fe80::1%lo"
    assert peername.remote(("fe80::1%lo", 7, 0, LOOPBACK)).address == "fe80::1%lo"


def test_an_interface_that_is_gone_leaves_the_bare_address() -> None:
    assert peername.remote(("fe80::1", 7, 0, 1 << 30)).address == "fe80::1"


def test_peers_of_one_address_differ_in_their_ports_alone() -> None:
    first, second = peername.remote(("192.0.2.9", 1)), peername.remote(("192.0.2.9", 2))
    assert (first.address, first.number) == (second.address, second.number)
    assert (first.port, second.port) == (1, 2)


def test_a_unix_client_is_known_by_its_user_and_groups(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
        ours, _ = server.accept()
        with ours:
            peer = peername.remote_of_unix(ours.fileno())
            assert peer == unix_peer(os.getuid(), (os.getgid(), *os.getgroups()))
            ours.send(b"still open")


def test_a_client_of_another_kind_of_socket_is_not_known() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert peername.remote_of_unix(sock.fileno()).address == unix_peer(None).address
