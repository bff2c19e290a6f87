"""The master's loop: whatever a step meets is reported, and superd goes on until its end is ordered."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from superd.exit_status import EX_NOPERM
from superd.ipc.front_orders import Begin, Change, Order, Ping, PolicyReply, Relays, Stop
from superd.ipc.front_requests import RequestWriter
from superd.ipc.order_channel import OrderReader
from superd.master.assignment import assign
from superd.master.in_service import InService
from superd.master.notify import Notifier
from superd.master.process import Master, MasterCallbacks, MasterParts
from superd.policy_snapshot import PolicySnapshot
from superd.registry import Registry
from superd.rule import Policy
from superd.settings import PolicySettings, Settings
from superd.system.accounts import system_accounts
from tests.daemon_process import free_port
from tests.master.parts import Lines, configuration, registry

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.problem import Problem

NO_TABLES = Settings(policy=PolicySettings(hosts_allow="", hosts_deny=""))

MASTERS: list[Master] = []
"""Those of the test that runs."""

Told = Callable[[Order, RequestWriter], None]


def front(on_order: Told) -> Callable[[Begin, socket.socket], int]:
    """A front that says it is ready, answers the master, and has ``on_order`` called for the rest."""

    def run(begin: Begin, channel: socket.socket) -> int:
        channel.setblocking(True)
        reader, writer = OrderReader(channel), RequestWriter(channel)
        writer.send("ready")
        while True:
            order = reader.read()
            if isinstance(order, Ping):
                writer.send("alive", number=order.number)
            elif isinstance(order, Stop):
                return 0
            elif order is not None and not isinstance(order, Relays):
                on_order(order, writer)

    return run


def tell_master(number: int) -> None:
    os.kill(os.getppid(), number)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in (*numbers, signal.SIGPIPE)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    while MASTERS:  # their process would have ended with them
        master = MASTERS.pop()
        master._processes.close_copies()
    while True:  # launchers end when their master has
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))


class Made:
    def __init__(self, services: Registry, run: Callable[[Begin, socket.socket], int], **callbacks: Callable[..., None]) -> None:
        self.log = Lines()
        self.new: Callable[[], tuple[Registry, tuple[Problem, ...]]] = lambda: (services, ())
        assignment = assign(services, Policy((), (), {}), system_accounts(), {}, root=os.geteuid() == 0, lanes=1)
        found = dataclasses.replace(configuration(services), assignment=assignment)
        parts = MasterParts(lambda: self.new(), run, cast("Log", self.log), Notifier(""), {})
        nothing = dict.fromkeys(("on_ready", "on_dump", "before_front", "load_readers"), lambda *_: None)
        self.master = Master(parts, InService.of(found), MasterCallbacks(**{**nothing, **callbacks}))
        MASTERS.append(self.master)


def with_one() -> Registry:
    return Registry(registry(a=f"127.0.0.1:{free_port()}").services, NO_TABLES)


def ends_at_once(order: Order, writer: RequestWriter) -> None:
    tell_master(signal.SIGTERM)


def test_it_serves_until_its_end_is_ordered() -> None:
    ready: list[int] = []

    def on_ready(services: Registry, missing: dict[object, str]) -> None:
        ready.append(len(services.services))
        os.kill(os.getpid(), signal.SIGTERM)

    made = Made(with_one(), front(ends_at_once), on_ready=on_ready)
    assert made.master.run() == 0
    assert ready == [1]
    assert "notice: stopping on SIGTERM" in made.log.lines


def test_a_callback_that_raises_is_reported_and_ends_nothing() -> None:
    def on_ready(services: Registry, missing: dict[object, str]) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        raise BrokenPipeError(32, "Broken pipe")

    made = Made(with_one(), front(ends_at_once), on_ready=on_ready)
    made.new = lambda: (with_one(), ())  # the reload's order is what the front ends all with
    assert made.master.run() == 0
    assert any(line.startswith("alert: the table of services failed: BrokenPipeError") for line in made.log.lines)


def test_a_reload_is_put_into_force_and_its_result_logged_when_the_front_has_applied_it() -> None:
    def on_order(order: Order, writer: RequestWriter) -> None:
        if isinstance(order, Change):
            writer.send("applied", number=order.number)
            tell_master(signal.SIGTERM)

    made = Made(with_one(), front(on_order), on_ready=lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    new = with_one()
    made.new = lambda: (new, ())
    assert made.master.run() == 0
    assert "notice: reload: changed `a` (listen), 0 kept" in made.log.lines


@pytest.mark.parametrize("fault", [RecursionError("deep"), MemoryError(), ValueError("embedded null byte")])
def test_a_reload_whose_reader_fails_changes_nothing(fault: Exception) -> None:
    def fails() -> tuple[Registry, tuple[Problem, ...]]:
        raise fault

    made = Made(with_one(), front(ends_at_once), on_ready=lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    made.new = fails
    assert made.master.run() == 0
    assert "error: reload refused, nothing has changed: 1 problem" in made.log.lines
    assert any(type(fault).__name__ in line for line in made.log.lines)


def test_tables_are_read_at_a_request_and_the_front_gets_them() -> None:
    def on_order(order: Order, writer: RequestWriter) -> None:
        if isinstance(order, Change):
            writer.send("policy")
        if isinstance(order, PolicyReply) and isinstance(order.files, PolicySnapshot):
            tell_master(signal.SIGTERM)

    services = with_one()
    made = Made(services, front(on_order), on_ready=lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    assert made.master.run() == 0


def test_a_front_that_cannot_give_up_root_ends_superd() -> None:
    made = Made(with_one(), lambda begin, channel: EX_NOPERM)
    assert made.master.run() == EX_NOPERM


def test_a_front_that_dies_is_replaced(tmp_path: object) -> None:
    count = os.memfd_create("count")

    def dies_once(begin: Begin, channel: socket.socket) -> int:
        os.write(count, b"x")
        if os.fstat(count).st_size == 1:
            return 3
        return front(ends_at_once)(begin, channel)

    made = Made(with_one(), dies_once, on_ready=lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert made.master.run() == 0
    assert os.fstat(count).st_size == 2
    assert any("the front ended (status 3)" in line for line in made.log.lines)
    os.close(count)


def test_a_reload_that_fails_halfway_gives_everything_to_a_new_front(monkeypatch: pytest.MonkeyPatch) -> None:
    services, new = with_one(), with_one()
    made = Made(services, front(lambda *_: None), on_ready=lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    made.new = lambda: (new, ())

    def fails(settings: Settings) -> None:
        raise MemoryError

    monkeypatch.setattr(made.log, "configure", fails)
    begun = os.memfd_create("begun")

    def run(begin: Begin, channel: socket.socket) -> int:
        os.write(begun, b"x")
        if os.fstat(begun).st_size == 2:
            os.write(begun, ",".join(map(str, begin.first.sockets)).encode())
            tell_master(signal.SIGTERM)
        return front(lambda *_: None)(begin, channel)

    made.master._front._run = run
    assert made.master.run() == 0
    assert os.pread(begun, 99, 2).decode() == ",".join(map(str, new.by_address()))
    assert any(line.startswith("alert: the end of a child failed: MemoryError") for line in made.log.lines)
    os.close(begun)
