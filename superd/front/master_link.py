"""The front's end of the channel to the master: reads orders, sends requests.

Runs in: the front. Knows the channel and nothing of the front. A request is never lost: what the channel does not take now
is sent when it does.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio

from superd.ipc import front_orders, order_channel
from superd.ipc.front_requests import RequestWriter

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.front.handing_over import StartTask

AGAIN = 0.1
"""Seconds until the next try when no descriptor is free for an order."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class OrderHandlers(Protocol):
    """What the front does at each order. It takes descriptors over."""

    def alive(self) -> None: ...
    def change(self, order: front_orders.Change) -> None: ...
    def log_files(self, order: front_orders.LogFiles) -> None: ...
    def policy(self, order: front_orders.PolicyReply) -> None: ...
    def pairs(self, order: front_orders.Pairs) -> None: ...
    def relays(self, order: front_orders.Relays) -> None: ...
    def renewed(self, order: front_orders.Renewed) -> None: ...
    def orphaned(self, order: front_orders.Orphaned) -> None: ...
    def ended(self, order: front_orders.Ended) -> None: ...
    def stuck(self, order: front_orders.Stuck) -> None: ...
    def dump(self, order: front_orders.Dump) -> None: ...
    def wished(self, order: front_orders.Wished) -> None: ...
    def panel(self, order: front_orders.Panel) -> None: ...
    def stop(self, order: front_orders.Stop) -> None: ...
    def retire(self, order: front_orders.Retire) -> None: ...
    def obeyed(self) -> None: ...


class MasterLink:
    """One end of the pair between master and front."""

    def __init__(self, channel: socket.socket, start_task: StartTask, on_short: Callable[[], None]) -> None:
        """``on_short`` is called while no descriptor is free for an order: connections have to make room."""
        channel.setblocking(False)
        self._channel = channel
        self._start_task = start_task
        self._on_short = on_short
        self._requests = RequestWriter(channel)
        self._sending = False
        self._reader = order_channel.OrderReader(channel)

    @property
    def held_up(self) -> bool:
        """Whether an order waits in the channel, for its turn or until a descriptor is free: it may say otherwise."""
        return self._reader.more

    # ------------------------------------------------------------------ to the master

    def request(self, word: str, *, number: int = 0, address: str = "") -> None:
        """Send a request of the closed table; what the channel does not take now is sent when it does."""
        try:
            if not self._requests.send(word, number=number, address=address) and not self._sending:
                self._sending = True
                self._start_task(self._send_rest)
        except OSError:
            pass  # the master is gone: ``run`` sees the end of the channel

    async def _send_rest(self) -> None:
        try:
            while not self._requests.flush():
                await trio.lowlevel.wait_writable(self._channel)
        except OSError:
            pass  # as above
        finally:
            self._sending = False

    async def _say_alive(self, number: int) -> None:
        await trio.sleep(front_orders.KEPT)
        self.request("alive", number=number)

    def read_policy(self) -> None:
        """Ask for the tables as they are now."""
        self.request("policy")

    def renew(self, address: BindAddress) -> None:
        """Ask for another socket at the address of a datagram service."""
        self.request("renew", address=address.describe())

    def replace_relay(self, number: int) -> None:
        """Ask for another relay in the place of one that does not answer, or says what is not in its table."""
        self.request("relay", number=number)

    # ------------------------------------------------------------------ from the master

    async def run(self, handlers: OrderHandlers) -> None:
        """Carry out orders until the master is gone."""
        while True:
            await trio.lowlevel.wait_readable(self._channel)
            try:
                order = self._reader.read()
            except BlockingIOError:
                continue
            except (EOFError, ConnectionResetError):
                return
            except OSError as problem:
                if problem.errno not in _NO_ROOM:
                    raise
                # The order stays in the channel until enough connections have ended.
                self._on_short()
                await trio.sleep(AGAIN)
                continue
            if order is not None:
                self._obey(handlers, order)
                handlers.obeyed()

    def _obey(self, handlers: OrderHandlers, order: front_orders.Order) -> None:
        match order:
            case front_orders.Ping():
                self._start_task(self._say_alive, order.number)
                handlers.alive()
            case front_orders.Change():
                handlers.change(order)
                self.request("applied", number=order.number)
            case front_orders.LogFiles():
                handlers.log_files(order)
            case front_orders.PolicyReply():
                handlers.policy(order)
            case front_orders.Pairs():
                handlers.pairs(order)
            case front_orders.Relays():
                handlers.relays(order)
            case front_orders.Renewed():
                handlers.renewed(order)
            case front_orders.Orphaned():
                handlers.orphaned(order)
            case front_orders.Ended():
                handlers.ended(order)
            case front_orders.Stuck():
                handlers.stuck(order)
            case front_orders.Dump():
                handlers.dump(order)
            case front_orders.Wished():
                handlers.wished(order)
                self.request("applied", number=order.number)
            case front_orders.Panel():
                handlers.panel(order)
            case front_orders.Stop():
                handlers.stop(order)
            case front_orders.Retire():
                handlers.retire(order)
