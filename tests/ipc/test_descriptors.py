"""Descriptors between processes: what is received is bounded, closed without waiting, and read only where that cannot block."""

from __future__ import annotations

import os
import select
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc import descriptors
from superd.system.closing import let_all_go, let_go
from tests.lingering import fill


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def test_a_message_arrives_with_its_descriptors_which_close_on_exec() -> None:
    ours, theirs = pair()
    read, write = os.pipe()
    with ours, theirs:
        descriptors.send_with(ours, b"word", (read, write))
        data, fds, lost = descriptors.receive_with(theirs, 16, 2)
        assert (data, len(fds), lost) == (b"word", 2, False)
        assert not any(os.get_inheritable(fd) for fd in fds)
        os.write(fds[1], b"x")
        assert os.read(read, 1) == b"x"
        let_all_go(fds)
        descriptors.send_with(ours, b"none", ())
        assert descriptors.receive_with(theirs, 16, 2) == (b"none", [], False)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(("size", "count"), [(17, 0), (4, 3)])
def test_a_message_that_is_longer_or_has_more_descriptors_is_refused_and_they_are_closed(size: int, count: int) -> None:
    ours, theirs = pair()
    read, write = os.pipe()
    with ours, theirs:
        descriptors.send_with(ours, b"x" * size, [write] * count)
        os.close(write)
        with pytest.raises(ControlError):
            descriptors.receive_with(theirs, 16, 2)
        assert os.read(read, 1) == b""  # no copy is left
    os.close(read)


def test_a_lingering_socket_that_was_sent_is_closed_without_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        fill(accepted)
        closing = threading.Thread(target=let_go, args=(accepted.detach(),), daemon=True)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()


def test_any_other_kind_of_descriptor_is_closed_too() -> None:
    kinds = [*os.pipe(), os.open("/", os.O_PATH), os.memfd_create("x"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()]
    let_all_go(kinds)
    for fd in kinds:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)


@given(st.binary(max_size=3000), st.integers(0, 4000), st.booleans())
def test_memory_holds_what_was_put_there_and_is_read_no_further_than_allowed(data: bytes, most: int, seal: bool) -> None:
    fd = descriptors.as_memory("test", data, seal=seal)
    assert descriptors.from_memory(fd, most, sealed=seal) == data[:most]
    os.close(fd)


def test_only_sealed_memory_counts_as_sealed() -> None:
    read, write = os.pipe()
    open_memory = descriptors.as_memory("test", b"x")
    for fd in (read, write, open_memory):
        with pytest.raises(ControlError):
            descriptors.from_memory(fd, 10, sealed=True)
        os.close(fd)
    sealed = descriptors.as_memory("test", b"x", seal=True)
    with pytest.raises(PermissionError):
        os.write(sealed, b"y")
    os.close(sealed)
    assert not select.select([], [], [], 0)[0]
