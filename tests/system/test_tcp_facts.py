"""The kernel's facts about real sockets."""

from __future__ import annotations

import socket

import pytest

from superd.system.tcp_facts import flows, queues


@pytest.mark.parametrize(
    ("family", "host", "shown"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_bytes_and_silence_of_a_connection_and_the_queue_of_a_listener(family: int, host: str, shown: str) -> None:
    with socket.socket(family) as listener, socket.socket(family) as client:
        listener.bind((host, 0))
        listener.listen(7)
        port = listener.getsockname()[1]
        client.connect((host, port))
        assert queues()[shown, port] == (1, 7)
        server, _ = listener.accept()
        with server:
            client.sendall(b"x" * 1000)
            assert len(server.recv(1000, socket.MSG_WAITALL)) == 1000
            server.sendall(b"y" * 10)
            assert len(client.recv(10, socket.MSG_WAITALL)) == 10
            flow = flows()[shown, client.getsockname()[1]]
            assert flow.received == 1000
            assert flow.sent in (0, 10)  # acknowledged yet, or not
            assert 0 <= flow.idle < 20
        assert queues()[shown, port] == (0, 7)


def test_other_sockets_are_left_out() -> None:
    assert ("192.0.2.1", 1) not in flows()
    assert ("192.0.2.1", 1) not in queues()
