"""The channel to the master over a real pair: orders in their order, requests that are never lost, descriptors that run out."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from superd.address import BindAddress, SocketType
from superd.front.master_link import MasterLink
from superd.ipc import front_orders, front_requests, order_channel
from superd.settings import Settings
from tests.waiting import until

UDP = BindAddress(SocketType.DGRAM, "127.0.0.1", 69)


class Handlers:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.heard = trio.Event()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *orders: self._note(name, *orders)

    def _note(self, name: str, *orders: Any) -> None:
        self.orders.append((name, *orders))
        if name == "obeyed":
            self.heard.set()


class Ends:
    """Both ends, and what the link does when descriptors run out."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.master, theirs = order_channel.pair()
        self.channel = theirs
        self.short = 0
        self.link = MasterLink(theirs, nursery.start_soon, self._on_short)
        self.handlers: Any = Handlers()
        self.writer = order_channel.OrderWriter(self.master)

    def _on_short(self) -> None:
        self.short += 1

    def requests(self) -> Iterator[front_requests.Request]:
        while True:
            try:
                yield front_requests.receive_request(self.master)
            except BlockingIOError:
                return

    def close(self) -> None:
        self.master.close()
        self.channel.close()


@pytest.fixture
def ends(nursery: trio.Nursery) -> Iterator[Ends]:
    made = Ends(nursery)
    yield made
    made.close()


async def test_orders_come_in_their_order_and_a_change_and_a_ping_are_answered(
    ends: Ends, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_orders, "KEPT", 0.01)
    nursery.start_soon(ends.link.run, ends.handlers)
    reading, writing = os.pipe()
    change = front_orders.Change(7, Settings(), front_orders.Launching(), sockets={UDP: front_orders.Fd(writing)})
    for order in (change, front_orders.Ping(3), front_orders.Ended(5, 0)):
        ends.writer.send(order)
    os.close(writing)
    await until(lambda: [name for name, *_ in ends.handlers.orders].count("obeyed") == 3)
    assert [name for name, *_ in ends.handlers.orders if name != "obeyed"] == ["change", "alive", "ended"]
    found = [(request.word, request.number) for request in ends.requests()]
    if len(found) == 1:  # the sign of life is kept for a moment
        await trio.lowlevel.wait_readable(ends.master)
        found += [(request.word, request.number) for request in ends.requests()]
    assert found == [("applied", 7), ("alive", 3)]
    received = ends.handlers.orders[0][1].sockets[UDP]
    os.write(received, b"x")
    assert os.read(reading, 1) == b"x"
    os.close(reading)
    os.close(received)
    nursery.cancel_scope.cancel()


async def test_the_end_of_the_master_ends_it(ends: Ends) -> None:
    ends.master.close()
    with trio.fail_after(5):
        await ends.link.run(ends.handlers)
    ends.link.request("ready")  # into the void, and no fault


async def test_a_request_that_the_master_does_not_take_is_kept(ends: Ends, nursery: trio.Nursery) -> None:
    """A full channel was taken for a dead master, and the request was lost: a change of policy then waited for ever."""
    ends.channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for number in range(200):
        ends.link.request("alive", number=number)
    ends.link.renew(UDP)
    found: list[front_requests.Request] = []
    with trio.fail_after(10):
        while len(found) < 201:
            await trio.lowlevel.wait_readable(ends.master)
            found += ends.requests()
    assert [request.number for request in found[:200]] == list(range(200))
    assert (found[200].word, found[200].address) == ("renew", UDP.describe())
    nursery.cancel_scope.cancel()


async def test_an_order_that_waits_for_its_turn_is_known_of(ends: Ends, nursery: trio.Nursery) -> None:
    """A launcher's answer was heard before it: sessions that it named were over, and were adopted then."""
    assert not ends.link.held_up
    ends.writer.send(front_orders.Ended(5, 0))
    assert ends.link.held_up
    nursery.start_soon(ends.link.run, ends.handlers)
    with trio.fail_after(5):
        await ends.handlers.heard.wait()
    assert not ends.link.held_up
    nursery.cancel_scope.cancel()


async def test_an_order_without_a_free_descriptor_waits_for_one(ends: Ends, nursery: trio.Nursery) -> None:
    """It ended the front: `no descriptor was free for an order`, with every relay and internal session."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    ends.writer.send(front_orders.Ended(5, 0))
    nursery.start_soon(ends.link.run, ends.handlers)
    taken = os.dup(0)
    os.close(taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken, limits[1]))
    try:
        await until(lambda: ends.short)
        assert ends.handlers.orders == []
        assert ends.link.held_up
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    with trio.fail_after(5):
        await ends.handlers.heard.wait()
    assert [name for name, *_ in ends.handlers.orders] == ["ended", "obeyed"]
    assert not ends.link.held_up
    nursery.cancel_scope.cancel()
