"""Closing a socket with SO_LINGER takes no time, whatever its peer does."""

from __future__ import annotations

import os
import socket
import struct
import time

from superd.system.closing import let_copy_go, let_go, let_socket_go


def full_connection() -> tuple[socket.socket, socket.socket]:
    """A connection with unsent bytes and a linger time of 20 s; the client never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(listener.getsockname())
        ours, _ = listener.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
    ours.setblocking(False)
    try:
        while True:
            ours.send(b"x" * 65536)
    except BlockingIOError:
        return ours, client


def test_a_close_does_not_wait_for_a_client_that_never_reads() -> None:
    """It blocked the whole front for the linger time, which a rule's option or a program chooses."""
    for close in (let_socket_go, lambda sock: let_go(sock.detach())):
        ours, client = full_connection()
        with client:
            began = time.monotonic()
            close(ours)
            assert time.monotonic() - began < 5


def test_what_is_not_a_socket_or_has_no_linger_is_closed_as_well() -> None:
    reading, writing = os.pipe()
    let_go(reading)
    left, right = socket.socketpair()
    let_socket_go(left)
    let_socket_go(left)
    assert (left.fileno(), right.recv(1)) == (-1, b"")
    right.close()
    try:
        os.write(writing, b"x")
        raise AssertionError("the reading end is open")
    except BrokenPipeError:
        os.close(writing)


def test_a_copy_is_kept_while_its_socket_lingers_and_closed_otherwise() -> None:
    ours, client = full_connection()
    with client:
        copy = os.dup(ours.fileno())
        assert not let_copy_go(copy)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[0] == 1  # what its program has asked for stays
        let_go(copy)
        let_socket_go(ours)
    left, right = socket.socketpair()
    with right:
        assert let_copy_go(left.detach())
        assert right.recv(1) == b""
    reading, writing = os.pipe()
    assert let_copy_go(reading)
    os.close(writing)
