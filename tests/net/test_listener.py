"""Listeners in one set: who is heard, what a pause is, and who has gone before superd looked."""

from __future__ import annotations

import errno
import socket
import struct

import trio

from superd.address import BindAddress, SocketType
from superd.net.listener import FIRST_PAUSE, Listener, ListenerSet, is_dead
from tests.front.fakes_of_connections import pair
from tests.waiting import until


def listening(name: str = "s") -> Listener:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return Listener(BindAddress(SocketType.STREAM, "127.0.0.1", 7), name, sock)


async def test_a_listener_is_heard_until_it_is_ignored_and_again_after(nursery: trio.Nursery) -> None:
    overloads: list[int] = []
    listeners, one, heard = ListenerSet(overloads.append), listening(), list[str]()
    listeners.add(one)

    def on_ready(listener: Listener) -> None:
        heard.append(listener.name)
        socket.socket(fileno=listener.accept()[0]).close()

    nursery.start_soon(listeners.run, on_ready, lambda: None, lambda: False)
    address = one.sock.getsockname()
    with socket.create_connection(address):
        await until(lambda: heard)
    listeners.ignore(one)
    with socket.create_connection(address):
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert heard == ["s"]
        listeners.watch(one)
        await until(lambda: len(heard) == 2)
    listeners.close()
    listeners.close()
    assert one.sock.fileno() < 0


async def test_a_pause_is_reported_once_and_ends_by_itself(nursery: trio.Nursery) -> None:
    overloads: list[int] = []
    listeners, one, heard = ListenerSet(overloads.append), listening(), list[float]()
    listeners.add(one)

    def on_ready(listener: Listener) -> None:
        heard.append(trio.current_time())
        socket.socket(fileno=listener.accept()[0]).close()

    nursery.start_soon(listeners.run, on_ready, lambda: None, lambda: False)
    await trio.testing.wait_all_tasks_blocked()
    began = trio.current_time()
    listeners.pause(errno.EMFILE)
    listeners.pause(errno.EMFILE)
    assert overloads == [errno.EMFILE]
    with socket.create_connection(one.sock.getsockname()):
        await until(lambda: heard)
    assert heard[0] - began >= FIRST_PAUSE
    listeners.close()


def test_a_connection_that_was_reset_is_dead() -> None:
    ours, theirs = pair()
    with ours:
        assert not is_dead(ours)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        assert is_dead(ours)
