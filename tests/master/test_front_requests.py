"""Each request does one thing; a field that means nothing does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from superd.errors import ControlError
from superd.master.front_requests import FrontRequests
from tests.master.parts import Lines, in_service, registry

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.master.front_child import FrontChild
    from superd.master.front_orders import FrontOrders
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.relay_pool import RelayPool


class Everything:
    """Front, orders, launchers, orphans and sockets at once: writes calls down."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.dump = b"state"
        self.orphans = self

    def alive(self, number: int) -> None:
        self.calls.append(("alive", number))

    def take_dump(self, size: int) -> bytes:
        if not self.dump:
            raise ControlError("a dump that was not asked for")
        return self.dump[:size]

    def signal(self, pid: int, number: int) -> None:
        self.calls.append(("signal", pid, number))

    def stuck(self, number: int, service: str | None = None) -> str | None:
        if service is not None:
            self.calls.append(("told stuck", number, service))
        return "cat" if number == 1 else None

    def applied(self, number: int) -> None:
        self.calls.append(("closed", number))

    def renew(self, address: str, services: object) -> tuple[int, str]:
        return -1, f"no {address}"

    def replace(self, number: int) -> None:
        self.calls.append(("replaced", number))

    def renewed(self, address: str, fd: int, failure: str) -> None:
        self.calls.append(("renewed", address, fd, failure))


def made(fake: Everything, log: Lines, write: object = None) -> FrontRequests:
    def write_dump(data: bytes) -> None:
        if isinstance(write, OSError):
            raise write
        fake.calls.append(("dump", data))

    return FrontRequests(
        cast("FrontChild", fake), cast("FrontOrders", fake), cast("LauncherPool", fake), cast("BoundSockets", fake),
        cast("RelayPool", fake),
        in_service(registry()), cast("Log", log),
        ready=lambda: fake.calls.append(("ready",)),
        applied=lambda number: fake.calls.append(("applied", number)),
        read_policy=lambda: fake.calls.append(("policy",)),
        write_dump=write_dump,
    )  # fmt: skip


def test_each_request_reaches_what_it_is_for() -> None:
    fake = Everything()
    requests = made(fake, Lines())
    requests.on_ready()
    requests.on_applied(3)
    requests.on_alive(4)
    requests.on_policy()
    requests.on_relay(1)
    requests.on_renew("x")
    requests.on_dump(3)
    requests.on_signal(77, 15)
    requests.on_stuck(1)
    requests.on_stuck(2)  # does not stand still: no answer
    requests.on_stopped()
    assert fake.calls == [
        ("ready",), ("closed", 3), ("applied", 3), ("alive", 4), ("policy",), ("replaced", 1),
        ("renewed", "x", -1, "no x"), ("dump", b"sta"), ("signal", 77, 15), ("told stuck", 1, "cat"),
    ]  # fmt: skip


def test_a_dump_that_was_not_asked_for_breaks_the_protocol_and_one_that_cannot_be_written_is_logged() -> None:
    fake, log = Everything(), Lines()
    made(fake, log, OSError(28, "No space left on device", "/run/superd.dump")).on_dump(5)
    assert log.lines == ["error: the state dump cannot be written: `/run/superd.dump`: No space left on device"]
    fake.dump = b""
    with pytest.raises(ControlError):
        made(fake, log).on_dump(5)
