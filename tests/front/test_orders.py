"""What orders do to the parts of the front: each reaches the part that it is for, and a reload is one step."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from superd.address import BindAddress, SocketType
from superd.front.in_force import InForce
from superd.front.kept import Counted
from superd.front.orders import Orders
from superd.ipc.front_orders import (
    Begin,
    Change,
    Dump,
    Fd,
    Launching,
    LogFiles,
    Orphaned,
    PolicyReply,
    Renewed,
    Retire,
    Stop,
    Stuck,
    Wished,
)
from superd.log_target import FileTarget
from superd.policy_snapshot import PolicySnapshot
from superd.service import Service
from superd.settings import Settings
from superd.status import FrontStatus
from superd.wishes import Hold
from tests.front.fakes import CLIENT, Parts, service

AT = BindAddress(SocketType.STREAM, "127.0.0.1", 7)
CAT = Service.model_validate({"name": "cat", "server": "/bin/cat", "port": 7})


class Part:
    """Any part of the front: it keeps the calls that it got, under its own name."""

    def __init__(self, name: str, calls: list[tuple[Any, ...]], **values: Any) -> None:
        self.__dict__.update(values)
        self._name, self._calls = name, calls

    def __len__(self) -> int:
        return 0

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self._calls.append((f"{self._name}.{name}", *given, *named.values()))


class Made:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.parts = Parts()
        self.in_force = InForce(Settings())
        self.tasks: list[tuple[Any, ...]] = []

        def part(name: str, **values: Any) -> Any:
            return Part(name, self.calls, **values)

        self.log = part("log")
        wished = part("wished", waits=lambda name: name == "cat")
        counted = Counted(self.in_force.services, self.parts.sensors, wished, self.parts.book.tallies)
        launches = part("launches", recovery=part("recovery"), stuck=part("stuck"))
        self.orders = Orders(
            self.in_force, part("view", book=self.parts.book), counted, part("listeners"), part("policy"), launches,
            part("carriers"), part("datagrams"), part("panel"), part("leaving"), part("master"), self.log,
            lambda *given: self.tasks.append(given),
        )  # fmt: skip

    def names(self) -> list[str]:
        names = [call[0] for call in self.calls]
        self.calls.clear()
        return names

    def change(self, **keys: Any) -> Change:
        return Change(1, Settings(), Launching(), **keys)

    def serve(self) -> Change:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            fd = sock.detach()
        return self.change(services={"cat": CAT}, sockets={AT: Fd(fd)}, listeners={AT: "cat"}, launchers={1: Fd(9)})


def test_a_reload_opens_closes_and_holds_listeners_and_keeps_log_files_and_tables() -> None:
    made = Made()
    made.orders.change(made.serve())
    listener = made.in_force.listeners[AT]
    assert made.calls == [
        ("launches.take", {1: 9}, frozenset()),
        ("listeners.add", listener),
        ("listeners.hold", listener, True),
    ]
    made.calls.clear()
    made.orders.change(made.change(closed=(AT,)))
    assert made.names() == ["launches.take", "datagrams.forget", "listeners.remove"]
    listener.sock.close()


def test_a_reload_with_tables_and_log_files_replaces_them() -> None:
    made = Made()
    made.orders.change(made.change(policy=PolicySnapshot(()), logs={FileTarget("/a"): Fd(9)}))
    assert made.names() == ["launches.take", "log.attach_file", "log.keep_files", "policy.replace"]


def test_a_log_file_is_kept_while_a_session_of_it_lives() -> None:
    made = Made()
    made.parts.book.enter(service(log_type="FILE /old"), CLIENT, 1000.0)
    made.orders.log_files(LogFiles({FileTarget("/new"): Fd(9)}))
    word, kept = made.calls[-1]
    assert (word, {target.path for target in kept}) == ("log.keep_files", {"/old", "/new"})


def test_the_first_order_gives_back_what_the_front_before_had() -> None:
    made = Made()
    change = made.serve()
    orphaned = Orphaned(3, ())
    made.orders.begin(Begin(change, PolicySnapshot(()), frozenset({1}), (orphaned,), frozenset({AT})))
    assert ("launches.take", {1: 9}, frozenset({1})) in made.calls
    assert ("datagrams.shared", made.in_force.listeners[AT]) in made.calls
    assert ("recovery.orphaned", orphaned) in made.calls
    made.in_force.listeners[AT].sock.close()


def test_new_tables_come_with_the_launchers_of_their_rules() -> None:
    made = Made()
    order = PolicyReply(None, launchers={2: Fd(9)}, launching=Launching({}, {("bob", ""): 2}))
    made.orders.policy(order)
    assert made.in_force.launcher_for == {("bob", ""): 2}
    assert made.calls == [("launches.take", {2: 9}), ("policy.answered", order)]


def test_services_of_a_launcher_that_stands_still_get_others() -> None:
    made = Made()
    made.orders.stuck(Stuck(1, "cat", Launching({"cat": (1, 4)}), {4: Fd(9)}))
    assert made.in_force.launchers_of == {"cat": (1, 4)}
    assert made.calls == [("launches.take", {4: 9}), ("stuck.answered", 1, "cat")]


def test_an_address_that_cannot_be_renewed_gets_no_socket_and_its_reason() -> None:
    made = Made()
    made.orders.renewed(Renewed("*:69/dgram", None, "in use"))
    assert made.calls == [("datagrams.renewed", "*:69/dgram", None, "in use")]


def test_what_operators_want_holds_the_listeners() -> None:
    made = Made()
    made.orders.change(made.serve())
    made.calls.clear()
    made.orders.wished(Wished(2, (), (Hold("cat", 1.0, 0),)))
    assert made.names() == ["wished.replace", "listeners.hold"]
    made.in_force.listeners[AT].sock.close()


def test_the_state_is_written_into_the_master_s_memory_and_its_size_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superd.front.orders.status", lambda *_: FrontStatus((), (), 3, 2))
    made = Made()
    memory = os.memfd_create("dump")
    made.orders.dump(Dump(Fd(os.dup(memory))))
    assert os.pread(memory, 99, 0) == b"superd state: 0 services, 0 sessions, 3 undecided\nbans: 2\n"
    assert made.calls == [("master.request", "dump", 58)]
    made.calls.clear()
    full = os.open("/dev/full", os.O_RDWR)
    made.orders.dump(Dump(Fd(full)))
    assert made.calls == [("log.message", "error", "the front cannot write its state for a dump: No space left on device")]
    os.close(memory)


def test_the_end_and_making_room_are_the_leaving_s() -> None:
    made = Made()
    stop, retire = Stop(True, 1.0), Retire(Fd(7), Fd(8), Fd(9))
    made.orders.stop(stop)
    made.orders.retire(retire)
    assert made.calls == [("leaving.stop", stop), ("leaving.retire", retire)]
