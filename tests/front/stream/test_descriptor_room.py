"""Which descriptors connections may take, and how one is refused when there is none."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from superd.address import BindAddress, SocketType
from superd.front.stream.descriptor_room import RESERVE, DescriptorRoom
from superd.net.listener import Listener


@contextmanager
def clients(count: int) -> Iterator[Listener]:
    """A listener that so many clients wait for."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        waiting = [socket.create_connection(sock.getsockname()) for _ in range(count)]
        sock.setblocking(False)
        yield Listener(BindAddress(SocketType.STREAM, "127.0.0.1", 7), "s", sock)
        for client in waiting:
            assert client.recv(1) == b""
            client.close()


@pytest.mark.parametrize("left", [0, 1, 10, 2 * RESERVE, 10 * RESERVE])
def test_the_reserve_is_never_more_than_half_of_what_is_free(left: int) -> None:
    spare = os.dup(0)
    os.close(spare)
    room = DescriptorRoom(spare + 1 + left)
    kept = spare + 1 + left - room.ceiling
    assert kept == min(RESERVE, left // 2)
    assert bool(room.small) == (kept < RESERVE)
    os.close(room._spare)


def test_a_look_says_whether_the_next_connection_has_room() -> None:
    room = DescriptorRoom(1 << 20)
    assert room.look(0)
    room.ceiling = room.highest
    assert not room.look(0)
    os.close(room._spare)


def test_connections_are_refused_by_the_descriptor_that_is_kept_for_it() -> None:
    with clients(2) as listener:
        room = DescriptorRoom()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        last = max(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))
        filling = [os.dup(0) for _ in range(64)]  # no gap is left below
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(last, *filling) + 1, before[1]))
        try:
            while True:
                filling.append(os.dup(0))
        except OSError:
            pass
        try:
            assert not room.look(0)
            with pytest.raises(OSError, match="open files"):
                listener.accept()
            for _ in range(2):
                os.close(room.accept_to_refuse(listener)[0])
                room.refused()
            with pytest.raises(BlockingIOError):
                room.accept_to_refuse(listener)
            with pytest.raises(OSError, match="open files"):
                os.dup(0)  # it is kept again
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for fd in (*filling, room._spare):
                os.close(fd)
