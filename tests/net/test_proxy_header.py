"""A PROXY header is read from a real socket: whole, in pieces, and never a byte more."""

from __future__ import annotations

import socket

import pytest
import trio

from superd.errors import PeerError
from superd.net.proxy_header import PEEK, HeaderReader, read, read_at_once
from superd.peer import peer_from_text
from superd.wire.proxy_header import SIGNATURE, ProxyHeader, build

CLIENT, SERVER = peer_from_text("192.0.2.7", 4711), peer_from_text("198.51.100.1", 22)
BOTH = frozenset({1, 2})
LONG = SIGNATURE + b"\x21\x11" + (12 + 3 + 2000).to_bytes(2) + bytes(12) + b"\x04" + (2000).to_bytes(2) + bytes(2000)
HEADERS = [build(1, CLIENT, SERVER), build(2, CLIENT, SERVER), b"PROXY UNKNOWN\r\n", LONG]


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


@pytest.mark.parametrize("header", HEADERS)
def test_what_follows_the_header_stays_in_the_socket(ends: tuple[socket.socket, socket.socket], header: bytes) -> None:
    ours, theirs = ends
    with ours, theirs:
        theirs.sendall(header + b"SSH-2.0-x\r\n")
        found = read_at_once(ours, HeaderReader(BOTH))
        assert found is not None
        assert found.length == len(header)
        assert ours.recv(100) == b"SSH-2.0-x\r\n"


@pytest.mark.parametrize("header", HEADERS[:3])
async def test_a_header_that_comes_byte_by_byte_is_read(ends: tuple[socket.socket, socket.socket], header: bytes) -> None:
    ours, theirs = ends
    ours.setblocking(False)
    found: list[ProxyHeader] = []
    reader = HeaderReader(BOTH)
    with theirs, trio.socket.from_stdlib_socket(ours) as stream:
        assert read_at_once(ours, reader) is None

        async def listen() -> None:
            found.append(await read(stream, reader))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            for byte in header:
                assert not found
                theirs.send(bytes([byte]))
                await trio.testing.wait_all_tasks_blocked()
        assert found[0].length == len(header)
        theirs.send(b"x")
        assert await stream.recv(10) == b"x"


def test_a_piece_of_a_header_is_kept_until_the_rest_comes(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    reader = HeaderReader(BOTH)
    with ours, theirs:
        theirs.send(LONG[: PEEK + 10])
        assert read_at_once(ours, reader) is None
        theirs.send(LONG[PEEK + 10 :] + b"rest")
        assert read_at_once(ours, reader) is not None
        assert ours.recv(10) == b"rest"


@pytest.mark.parametrize(
    ("data", "versions"),
    [(b"GET / HTTP/1.1\r\n\r\n", {1, 2}), (HEADERS[0], {2}), (HEADERS[1], {1}), (b"PROXY " + b"x" * 200, {1, 2})],
)
def test_what_is_not_a_header_is_said_at_once(ends: tuple[socket.socket, socket.socket], data: bytes, versions: set[int]) -> None:
    ours, theirs = ends
    with ours, theirs:
        theirs.send(data)
        with pytest.raises(PeerError):
            read_at_once(ours, HeaderReader(frozenset(versions)))


def test_the_end_of_the_connection_within_a_header_is_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    with ours:
        theirs.send(HEADERS[0][:10])
        theirs.close()
        with pytest.raises(EOFError):
            read_at_once(ours, HeaderReader(BOTH))


def test_a_header_around_urgent_data_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as theirs:
        ours, _ = listener.accept()
        with ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            theirs.send(HEADERS[0][:20])
            theirs.send(HEADERS[0][20:21], socket.MSG_OOB)
            theirs.send(HEADERS[0][21:])
            reader, found = HeaderReader(BOTH), None
            try:
                for _ in range(10):
                    found = read_at_once(ours, reader)
            except PeerError:
                pass
            # Whatever the mark does to reading, no byte of the header counts twice.
            assert found is None or found.length == len(HEADERS[0])
