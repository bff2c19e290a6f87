"""Connections to a redirect's target, by name and by address."""

from __future__ import annotations

import os
import socket

import pytest

from superd.net.relay import connect


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_target_is_a_name_or_an_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("localhost", "127.0.0.1"):
            with await connect(host, port) as sock, server.accept()[0] as other:
                await sock.send(b"hello")
                assert other.recv(10) == b"hello"
    before = open_files()
    with pytest.raises(ConnectionRefusedError):
        await connect("127.0.0.1", port)
    assert open_files() == before
