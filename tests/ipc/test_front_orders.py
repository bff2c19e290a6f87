"""Every kind of order arrives as it was sent, and its descriptors are files of the same kind."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, get_args

import pytest

from superd.address import BindAddress, SocketType
from superd.ipc.front_orders import (
    Begin,
    Change,
    Dump,
    Ended,
    Fd,
    Launching,
    LogFiles,
    Order,
    Orphan,
    Orphaned,
    Pairs,
    Panel,
    Ping,
    PolicyReply,
    Relays,
    Renewed,
    Retire,
    Stop,
    Stuck,
    Wished,
)  # fmt: skip
from superd.ipc.order_channel import OrderReader, OrderWriter, pair
from superd.log_target import FileTarget
from superd.policy_snapshot import PolicySnapshot
from superd.service import Service
from superd.settings import Settings
from superd.wishes import Ban, Hold

ADDRESS = BindAddress(SocketType.STREAM, "127.0.0.1", 7)
SERVICE = Service.model_validate({"name": "a", "server": "/bin/cat", "listen": ["127.0.0.1:7"]})
LAUNCHING = Launching({"a": (0, 1)}, {("bob", ""): 2}, 3)
NOTHING = Fd(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
ORPHANED = Orphaned(4, (Orphan(4711, 12, "a", "192.0.2.1", 5.5),))
BAN = Ban("192.0.2.0/24", "", 1.0, 2.0, 0)
CHANGE = Change(
    7, Settings(stop_grace=3.0), LAUNCHING, {"a": SERVICE}, ("b",), {ADDRESS: NOTHING}, {ADDRESS: "a"}, (ADDRESS,),
    {5: NOTHING}, PolicySnapshot(()), {FileTarget("/var/log/a"): NOTHING},
)  # fmt: skip
ORDERS: list[Order] = [
    CHANGE,
    LogFiles({FileTarget("/var/log/a"): NOTHING}),
    PolicyReply(None, "unreadable", {}, True, {5: NOTHING}, LAUNCHING),
    Pairs({5: NOTHING}, frozenset({5})),
    Relays({5: NOTHING}, frozenset({1}), 2),
    Renewed("*:7", NOTHING),
    ORPHANED,
    Ended(4711, 9),
    Stuck(3, "a", LAUNCHING, {6: NOTHING}),
    Dump(NOTHING),
    Wished(8, ((BAN, 9.5),), (Hold("a", 1.0, 0),)),
    Panel(NOTHING),
    Ping(11),
    Stop(True, 2.5),
    Retire(NOTHING, NOTHING, NOTHING),
]


def arrived(order: Any) -> Any:
    ours, theirs = pair()
    with ours, theirs:
        OrderWriter(ours).send(order)
        reader = OrderReader(theirs)
        while (found := reader.read()) is None:
            pass
        return found


def same_file(value: Any) -> Any:
    """The same value with each descriptor as the file that it is of, which is closed."""
    if isinstance(value, Fd):
        facts = os.fstat(value)
        if value != NOTHING:
            os.close(value)
        return facts.st_rdev
    if isinstance(value, dict):
        return {key: same_file(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return type(value), [same_file(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return value


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
def test_an_order_arrives_as_it_was_sent(order: Order) -> None:
    found = arrived(order)
    assert type(found) is type(order)
    assert same_file(found) == same_file(order)


def test_the_first_order_arrives_with_all_in_it() -> None:
    order = Begin(
        CHANGE, PolicySnapshot(()), frozenset({1}), (ORPHANED,), frozenset({ADDRESS}), Wished(0, ((BAN, 1.0),)), b"kept"
    )  # fmt: skip
    assert same_file(arrived(order)) == same_file(order)


def test_every_kind_of_order_is_tried_here() -> None:
    assert {type(order) for order in ORDERS} == set(get_args(Order))
