"""Orders are made of what the master holds, and what they close is closed when the front has applied them."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, cast

from superd.ipc.front_orders import Change, Order, PolicyReply, Renewed, Stop
from superd.master.configuration import Unusable
from superd.master.front_orders import FrontOrders
from superd.master.launcher_pool import LauncherPool
from superd.master.listeners import BoundSockets
from superd.master.log_files import LogFiles
from superd.master.relay_pool import RelayPool
from superd.master.reload import Reloaded, reload
from superd.master.wishes_store import WishesStore
from superd.problem import Origin, error
from superd.registry import Registry
from superd.service import Service
from superd.settings import Settings
from tests.daemon_process import free_port
from tests.master.parts import Lines, configuration, in_service, registry

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.master.front_child import FrontChild


class Front:
    """A front that remembers its orders."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def tell(self, order: Order) -> None:
        self.orders.append(order)


class Parts:
    def __init__(self, **listen: str) -> None:
        log = cast("Log", Lines())
        self.front = Front()
        self.state = in_service(registry(**listen))
        self.sockets = BoundSockets(log)
        self.sockets.bind_all(self.state.registry, {})
        self.orders = FrontOrders(
            cast("FrontChild", self.front),
            self.state,
            self.sockets,
            LauncherPool(log, select.poll()),
            RelayPool(log, select.poll(), None),
            LogFiles(log),
            WishesStore(),
        )


def test_a_new_front_gets_everything_that_is_open() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        parts = Parts(a=f"127.0.0.1:{port}", b=f"127.0.0.1:{taken.getsockname()[1]}")
        begin = parts.orders.begin()
        assert list(begin.first.services) == ["a", "b"]
        assert list(begin.first.listeners.values()) == ["a"]
        assert list(begin.first.sockets.values()) == [next(iter(parts.sockets.values())).fileno()]
    parts.sockets.close_all()


def test_a_removed_services_listener_is_closed_once_the_front_does_not_accept_there_any_more() -> None:
    parts = Parts(a=f"127.0.0.1:{free_port()}")
    new = configuration(registry())
    outcome = reload(parts.state, new, parts.sockets)
    assert isinstance(outcome, Reloaded)
    parts.state.registry = new.registry
    number = parts.orders.reloaded(outcome)
    (order,) = parts.front.orders
    assert isinstance(order, Change)
    assert (order.removed, len(order.closed), len(parts.sockets)) == (("a",), 1, 1)
    parts.orders.applied(number + 1)
    assert len(parts.sockets) == 1
    parts.orders.applied(number)
    assert len(parts.sockets) == 0


def test_the_end_of_a_front_closes_what_it_had_not_applied() -> None:
    parts = Parts(a=f"127.0.0.1:{free_port()}")
    outcome = reload(parts.state, configuration(registry()), parts.sockets)
    assert isinstance(outcome, Reloaded)
    parts.orders.reloaded(outcome)
    parts.orders.front_ended()
    assert len(parts.sockets) == 0


def test_answers_say_what_there_is_or_why_not() -> None:
    parts = Parts()
    parts.orders.no_policy(Unusable((error(Origin("hosts.deny", 2), "wrong"),), {"/x": "error"}))
    parts.orders.policy()
    parts.orders.renewed("x", -1, "in use")
    parts.orders.stop(end=True, grace=3.0)
    failure, policy, renewed, stop = parts.front.orders
    assert isinstance(failure, PolicyReply)
    assert (failure.files, failure.failure, failure.looked_at) == (None, "hosts.deny:2: error: wrong", {"/x": "error"})
    assert isinstance(policy, PolicyReply)
    assert policy.files == parts.state.policy
    assert (renewed, stop) == (Renewed("x", None, "in use"), Stop(end=True, grace=3.0))


def test_a_new_front_learns_which_sockets_a_wait_program_may_have_had() -> None:
    parts = Parts()
    keys = {"name": "a", "server": "/bin/cat", "wait": True, "listen": [f"127.0.0.1:{free_port()}"]}
    parts.state.registry = Registry({"a": Service.model_validate(keys)}, Settings())
    parts.sockets.bind_all(parts.state.registry, {})
    assert parts.orders.begin().shared == frozenset()
    assert parts.orders.begin().shared == set(parts.sockets)
    new = configuration(registry())
    outcome = reload(parts.state, new, parts.sockets)
    assert isinstance(outcome, Reloaded)
    parts.state.registry = new.registry
    parts.orders.reloaded(outcome)
    assert parts.orders.begin().shared == frozenset()
    parts.sockets.close_all()
