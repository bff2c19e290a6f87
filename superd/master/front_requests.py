"""What the master does at each request of the front: the handlers of the table in ``ipc/front_requests.py``.

Runs in: master.
Never: believes a field beyond its type: a number or address that means nothing has no effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.in_service import InService
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.relay_pool import RelayPool


@frozen
class FrontRequests:
    """``ready`` is called for a new front, ``applied`` with an order's number, ``read_policy`` to have the tables read."""

    front: FrontChild
    orders: FrontOrders
    launchers: LauncherPool
    sockets: BoundSockets
    relays: RelayPool
    state: InService
    log: Log
    ready: Callable[[], None]
    applied: Callable[[int], None]
    read_policy: Callable[[], None]
    write_dump: Callable[[bytes], None]

    def on_ready(self) -> None:
        self.ready()

    def on_applied(self, number: int) -> None:
        self.orders.applied(number)
        self.applied(number)

    def on_alive(self, number: int) -> None:
        self.front.alive(number)

    def on_policy(self) -> None:
        self.read_policy()

    def on_relay(self, number: int) -> None:
        self.relays.replace(number)

    def on_renew(self, address: str) -> None:
        fd, failure = self.sockets.renew(address, self.state.registry)
        self.orders.renewed(address, fd, failure)

    def on_dump(self, size: int) -> None:
        dump = self.front.take_dump(size)
        try:
            self.write_dump(dump)
        except OSError as problem:
            where = f"`{problem.filename}`: " if problem.filename else ""
            self.log.message("error", f"the state dump cannot be written: {where}{problem.strerror}")

    def on_signal(self, pid: int, number: int) -> None:
        self.launchers.orphans.signal(pid, number)

    def on_stuck(self, number: int) -> None:
        service = self.launchers.stuck(number)
        if service is not None:
            self.orders.stuck(number, service)

    def on_stopped(self) -> None:
        pass  # its end follows
