"""What the service manager reads: how much is served, and which addresses are not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

from superd.master.listeners import BoundSockets
from superd.master.readiness import Readiness
from tests.daemon_process import free_port
from tests.master.parts import Lines, in_service, registry

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.master.notify import Notifier


class Manager:
    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self, status: str) -> None:
        self.said.append(status)

    def status(self, status: str) -> None:
        self.said.append(f"again: {status}")


def made(manager: Manager, first: list[str], unusable: list[str], **listen: str) -> tuple[Readiness, BoundSockets]:
    services = registry(**listen)
    sockets = BoundSockets(cast("Log", Lines()))
    sockets.bind_all(services, {})
    return Readiness(
        in_service(services), sockets, cast("Notifier", manager), lambda: unusable, lambda: first.append("first")
    ), sockets


def test_the_first_report_calls_back_and_each_counts_services_and_listeners() -> None:
    manager, first = Manager(), list[str]()
    readiness, sockets = made(manager, first, [], a=f"127.0.0.1:{free_port()}", b=f"127.0.0.1:{free_port()}")
    assert not readiness.reported
    readiness.report()
    readiness.report()
    assert manager.said == ["2 services, 2 listeners"] * 2
    assert (first, readiness.reported) == (["first"], True)
    sockets.close_all()


def test_five_addresses_that_are_in_use_are_named_and_the_others_counted() -> None:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(7)]
    ports = [sock.getsockname()[1] for sock in taken]
    manager = Manager()
    readiness, sockets = made(manager, [], [], **{f"s{port}": f"127.0.0.1:{port}" for port in ports})
    readiness.report()
    (line,) = manager.said
    assert line.startswith(f"0 of 7 services, 0 listeners; not listening on 127.0.0.1:{ports[0]}/stream (Address already in use")
    assert line.endswith(" and 2 more")
    assert line.count("Address already in use") == 5
    for sock in taken:
        sock.close()
    sockets.close_all()


def test_services_without_a_certificate_are_named_and_named_no_more_when_they_have_one() -> None:
    manager, without = Manager(), ["imaps"]
    readiness, sockets = made(manager, [], without, a=f"127.0.0.1:{free_port()}")
    readiness.again()
    assert manager.said == []
    readiness.report()
    without.clear()
    readiness.again()
    assert manager.said == [
        "1 service, 1 listener; no certificate that can be used for imaps",
        "again: 1 service, 1 listener",
    ]
    sockets.close_all()


def test_a_superd_that_stops_reports_nothing_more() -> None:
    manager, first = Manager(), list[str]()
    readiness, _ = made(manager, first, [])
    readiness.stop()
    readiness.report()
    assert (manager.said, first, readiness.reported) == ([], [], False)
