"""Orders arrive as they were sent, with their descriptors, in their order, and none is lost while the front does not read."""

from __future__ import annotations

import os
import socket

import pytest

from superd.address import BindAddress, SocketType
from superd.ipc.front_orders import Begin, Change, Ended, Fd, Launching, Order, Pairs, Ping, Renewed
from superd.ipc.order_channel import OrderReader, OrderWriter, own_copies, pair
from superd.log_target import FileTarget
from superd.policy_snapshot import PolicySnapshot
from superd.settings import Settings

AT = BindAddress(SocketType.DGRAM, "127.0.0.1", 69)


def next_order(reader: OrderReader) -> Order:
    while (order := reader.read()) is None:
        pass
    return order


def test_an_order_arrives_with_descriptors_that_are_the_receivers() -> None:
    master, front = pair()
    with master, front, socket.socket() as other:
        OrderWriter(master).send(Renewed("127.0.0.1:69/dgram", Fd(other.fileno())))
        order = next_order(OrderReader(front))
        assert isinstance(order, Renewed)
        assert order.socket is not None
        assert order.socket != other.fileno()
        assert os.path.sameopenfile(order.socket, other.fileno())
        os.close(order.socket)


def test_whether_more_waits_is_known_without_reading_it() -> None:
    master, front = pair()
    with master, front:
        reader, writer = OrderReader(front), OrderWriter(master)
        assert not reader.more
        for number in (1, 2):
            writer.send(Ping(number))
        found: list[Order] = []
        while reader.more:
            found.append(next_order(reader))
        assert found == [Ping(1), Ping(2)]


def test_each_named_descriptor_is_the_one_of_its_name_however_many_there_are() -> None:
    master, front = pair()
    memories = [os.memfd_create(str(number)) for number in range(450)]
    with master, front:
        for number, memory in enumerate(memories):
            os.write(memory, str(number).encode())
        writer, reader = OrderWriter(master), OrderReader(front)
        writer.send(
            Change(1, Settings(), Launching(), sockets={AT: Fd(memories[0])}, launchers=dict(enumerate(map(Fd, memories))))
        )
        order = next_order(reader)
        assert isinstance(order, Change)
        assert os.pread(order.sockets[AT], 9, 0) == b"0"
        assert all(os.pread(fd, 9, 0) == str(number).encode() for number, fd in order.launchers.items())
        for fd in (*order.launchers.values(), *order.sockets.values(), *memories):
            os.close(fd)


def test_what_the_channel_does_not_take_is_kept_and_sent_in_its_order() -> None:
    master, front = pair()
    with master, front:
        master.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer, reader = OrderWriter(master), OrderReader(front)
        for number in range(200):
            writer.send(Ended(number, 0))
        assert writer.blocked
        found: list[Order] = []
        while len(found) < 200:
            found.append(next_order(reader))
            writer.flush()
        assert not writer.blocked
        assert found == [Ended(number, 0) for number in range(200)]


def test_a_front_that_never_reads_is_an_error_at_last_and_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superd.ipc.order_channel.MAX_PENDING", 20)
    master, front = pair()
    with master, front:
        before = len(os.listdir("/proc/self/fd"))
        writer = OrderWriter(master)
        with pytest.raises(BlockingIOError):
            for number in range(10_000):
                writer.send(Ping(number))
        writer.close()
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_end_of_the_master_is_the_end_of_orders() -> None:
    master, front = pair()
    with front:
        master.close()
        with pytest.raises(EOFError):
            OrderReader(front).read()


def test_the_end_of_the_front_is_an_error_of_the_writer() -> None:
    master, front = pair()
    with master:
        front.close()
        with pytest.raises(OSError):
            OrderWriter(master).send(Pairs({}))


def test_a_front_has_copies_of_its_own_of_the_first_order() -> None:
    memory = os.memfd_create("log")
    first = Change(1, Settings(), Launching(), logs={FileTarget("x"): Fd(memory)})
    copied = own_copies(Begin(first, PolicySnapshot(())))
    assert copied.first.logs is not None
    copy = copied.first.logs[FileTarget("x")]
    assert copy != memory
    assert os.path.sameopenfile(copy, memory)
    os.close(copy)
    os.close(memory)


def test_a_descriptor_that_waits_in_the_queue_is_a_copy() -> None:
    # The caller may close its own copy as soon as `send` returns.
    master, front = pair()
    with master, front:
        master.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer, reader = OrderWriter(master), OrderReader(front)
        while not writer.blocked:
            writer.send(Ping(1))
        other = socket.socket()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        writer.send(Renewed("x", Fd(other.fileno())))
        other.close()
        while isinstance(order := next_order(reader), Ping):
            writer.flush()
        assert isinstance(order, Renewed)
        assert order.socket is not None
        with socket.socket(fileno=order.socket) as found:
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
