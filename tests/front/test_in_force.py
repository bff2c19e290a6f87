"""What an order puts into force in one step: services, listeners, launchers, and the settings of every part."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from superd.address import BindAddress, SocketType
from superd.front.in_force import InForce
from superd.ipc.front_orders import Change, Fd, Launching
from superd.service import Service
from superd.settings import Settings

ECHO = BindAddress(SocketType.STREAM, "127.0.0.1", 7)
TIME = BindAddress(SocketType.DGRAM, "127.0.0.1", 37)


def values(name: str, **keys: object) -> Service:
    return Service.model_validate({"name": name, "server": "/bin/cat", "port": 7, **keys})


def order(settings: Settings | None = None, launching: Launching | None = None, **keys: Any) -> Change:
    return Change(1, settings or Settings(), launching or Launching(), **keys)


@contextmanager
def bound() -> Iterator[list[socket.socket]]:
    sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def test_an_order_opens_retargets_and_closes() -> None:
    force = InForce(Settings())
    with bound() as sockets:
        first = force.apply(
            order(
                services={"a": values("a"), "b": values("b")},
                sockets={ECHO: Fd(0), TIME: Fd(0)},
                listeners={ECHO: "a", TIME: "b"},
                launching=Launching({"a": (1, 2)}),
            ),
            sockets,
        )
        assert [listener.address for listener in first.opened] == [ECHO, TIME]
        assert (force.listeners[ECHO].name, force.datagram_ports) == ("a", frozenset({37}))
        second = force.apply(
            order(removed=("a",), listeners={ECHO: "b"}, closed=(TIME,), launching=Launching({}, {("u", ""): 4})), []
        )
        assert ([listener.address for listener in second.closed], second.opened) == ([TIME], ())
        assert (set(force.services), force.listeners[ECHO].name, force.datagram_ports) == ({"b"}, "b", frozenset())
        assert (force.launchers_of, force.launcher_for) == ({}, {("u", ""): 4})
        assert force.apply(order(closed=(TIME,)), []).closed == ()


def test_a_changed_service_goes_on_counting_its_rates() -> None:
    force = InForce(Settings())
    force.apply(order(services={"a": values("a", cps=[5, 1])}), [])
    before = force.services["a"].access.rates
    force.apply(order(services={"a": values("a", cps=[5, 1], instances=3)}), [])
    assert force.services["a"].access.rates is before
    force.apply(order(services={"a": values("a", cps=[6, 1])}), [])
    assert force.services["a"].access.rates is not before


class Part:
    def __init__(self) -> None:
        self.undecided = list[int]()

    def configure(self, settings: Settings) -> None:
        self.undecided.append(settings.undecided)


def test_every_part_gets_the_settings_at_once_and_at_each_reload() -> None:
    force, part = InForce(Settings(undecided=1)), Part()
    force.configures((part,))
    force.apply(order(Settings(undecided=2)), [])
    assert (part.undecided, force.settings.undecided) == ([1, 2], 2)
