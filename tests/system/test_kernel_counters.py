"""The kernel's counters of listen queues."""

from __future__ import annotations

import os
import socket

from superd.system.kernel_counters import counters, parse, release


def test_the_two_counters_are_found_by_name() -> None:
    text = "TcpExt: A ListenOverflows B ListenDrops\nTcpExt: 1 22 3 44\nIpExt: X\nIpExt: 9\n"
    assert parse(text) == {"ListenOverflows": 22, "ListenDrops": 44}


def test_text_of_another_kernel_is_not_an_error() -> None:
    for text in ("", "TcpExt: A\n", "TcpExt: ListenDrops\nTcpExt: x\n"):
        assert parse(text) == {}


def test_a_full_queue_is_counted() -> None:
    before = counters()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        clients = [socket.socket() for _ in range(8)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        assert counters()["ListenOverflows"] > before["ListenOverflows"]
        for client in clients:
            client.close()


def test_the_release_is_short() -> None:
    assert release().startswith(os.uname().sysname + " ")
    assert release().count(".") == 1
