"""Who waits in a queue, from one front to the next: what is believed, and what is closed."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator

import pytest

from superd.front.stream import passing_on
from superd.front.stream.passing_on import Waited, pass_on, passed_on
from superd.ipc.descriptors import send_with
from superd.peer import peer_from_text
from superd.through import Through
from tests.front.fakes_of_connections import pair


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def client(sock: socket.socket, through: Through | None = None) -> Waited:
    ends = peer_from_text("192.0.2.7", 4711), peer_from_text("198.51.100.1", 22)
    return Waited("s", sock.fileno(), *ends, through, 2000.5)


def test_a_client_s_address_comes_from_its_socket(channel: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair()
    with ours, theirs:
        assert pass_on(channel[0], [client(ours)]) == []
        (waited,) = passed_on(channel[1])
        assert (waited.service, waited.until, waited.through) == ("s", 2000.5, None)
        assert (waited.peer.address, waited.peer.port) == ours.getpeername()[:2]
        assert (waited.server.address, waited.server.port) == ours.getsockname()[:2]
        os.close(waited.fd)


def test_what_a_proxy_said_goes_along(channel: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair()
    with ours, theirs:
        through = Through(peer_from_text("127.0.0.1", 1), (("PROXY_PROTOCOL", "v2"),))
        assert pass_on(channel[0], [client(ours, through)]) == []
        (waited,) = passed_on(channel[1])
        assert (str(waited.peer), str(waited.server)) == ("192.0.2.7:4711", "198.51.100.1:22")
        assert waited.through is not None
        assert waited.through.facts == through.facts
        assert (waited.through.proxy.address, waited.through.proxy.port) == ours.getpeername()[:2]
        os.close(waited.fd)


def test_many_go_in_several_messages_and_who_has_no_room_comes_back(
    channel: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair()
    with ours, theirs:
        long = Through(peer_from_text("127.0.0.1"), (("PROXY_AUTHORITY", "a" * passing_on.ROOM),))
        too_long = client(ours, long)
        assert pass_on(channel[0], [client(ours) for _ in range(150)] + [too_long]) == [too_long]
        found = list(passed_on(channel[1]))
        assert len(found) == 150
        for waited in found:
            os.close(waited.fd)
        channel[1].close()
        left = client(ours)
        assert pass_on(channel[0], [left]) == [left]


@pytest.mark.parametrize(
    "said",
    [
        b"{", b"[]", b"[1]", b'["s"]', b'[["s"]]', b'[["s", "x"]]', b'[["s", NaN]]', b'[["s", 1, ["a", 1, "b", 2], []]]',
        b'[["s", 1, ["192.0.2.1", 1, "192.0.2.2", null], []]]', b'[["s", 1, [1], []]]', b'[["s", 1], ["s", 1]]',
        b'[["s", 1, ["192.0.2.1", 1, "192.0.2.2", 2], [1]]]', b"[" * 2000,
    ],
)  # fmt: skip
def test_what_does_not_look_like_a_client_is_closed(channel: tuple[socket.socket, socket.socket], said: bytes) -> None:
    ours, theirs = pair()
    with theirs:
        with ours:
            send_with(channel[0], said, [ours.fileno()])
        assert list(passed_on(channel[1])) == []
        assert theirs.recv(1) == b""


def test_a_descriptor_that_is_not_a_connection_is_closed(channel: tuple[socket.socket, socket.socket]) -> None:
    reader, writer = os.pipe()
    send_with(channel[0], json.dumps([["s", 1.0]]).encode(), [writer])
    os.close(writer)
    assert list(passed_on(channel[1])) == []
    assert os.read(reader, 1) == b""
    os.close(reader)
