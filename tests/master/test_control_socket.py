"""The master's end of the control socket: it starts a panel at need, and believes the kernel about who asks."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from superd.ipc import panel_requests
from superd.ipc.front_orders import Panel
from superd.ipc.panel_requests import Request
from superd.master import control_socket
from superd.master.control_socket import ControlSocket
from superd.operators import Operators
from superd.settings import Settings
from tests.master.parts import Lines

ME = os.geteuid()


class Requests:
    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.forgotten = 0

    def on_request(self, request: Request, uid: int) -> None:
        self.seen.append((request.word, uid))

    def forget(self) -> None:
        self.forgotten += 1


class Fixture:
    """A control socket whose panel is this test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.lines, self.poll, self.requests, self.orders = Lines(), select.poll(), Requests(), list[Any]()
        self.panels: list[socket.socket] = []
        self.killed: list[int] = []
        monkeypatch.setenv("SUPERD_SOCKET", str(path))
        monkeypatch.setattr(control_socket, "start_panel", self._start)
        monkeypatch.setattr("superd.master.control_socket.oom_score.reset", lambda pid: None)
        monkeypatch.setattr("superd.master.control_socket.os.kill", lambda pid, number: self.killed.append(pid))
        self.now = 1000.0
        log: Any = self.lines
        self.control = ControlSocket(log, self.poll, None, self.orders.append, self.requests, lambda: self.now)
        self.control.configure(Settings(), Operators(admins=frozenset({ME})))
        self.control.open(Settings())

    def _start(self, end: socket.socket, user: object, *, metrics: bool, stderr: int) -> int:
        self.panels.append(end.dup())
        return 4711

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A client's connection, and the panel's end of it."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.control.path)
        for fd, _ in self.poll.poll(0):
            self.control.on_readable(fd)
        listener = next(sock for name, sock in self.control._listeners.all() if name == "control")
        listener.setblocking(True)
        return client, listener.accept()[0]

    def ask(self, data: bytes, *fds: int) -> None:
        socket.send_fds(self.panels[-1], [data], fds)
        for fd, _ in self.poll.poll(0):
            self.control.on_readable(fd)


RELOAD = panel_requests.encode_request("reload", 1, {"dry_run": False})
STATE = panel_requests.encode_request("state", 2, {})


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fixture]:
    made = Fixture(monkeypatch, tmp_path / "control")
    yield made
    made.control.close()
    for panel in made.panels:
        panel.close()


def test_a_panel_starts_at_the_first_connection_and_gets_what_it_needs(there: Fixture) -> None:
    assert there.control.pid == 0
    client, server = there.connect()
    with client, server:
        assert there.control.pid == 4711
        kind, value, fds = panel_requests.receive_message(there.panels[0])
        assert (kind, value["listeners"], len(fds)) == (panel_requests.BEGIN, ["control"], 1)
        assert value["operators"]["admins"] == [ME]
        kind, _, more = panel_requests.receive_message(there.panels[0])
        assert kind == panel_requests.FRONT
        assert isinstance(there.orders[0], Panel)
        for fd in (*fds, *more):
            os.close(fd)


def test_a_change_counts_with_an_admins_living_connection_alone(there: Fixture) -> None:
    client, server = there.connect()
    there.ask(RELOAD, server.fileno())
    assert there.requests.seen == [("reload", ME)]
    there.control.configure(Settings(), Operators(viewers=frozenset({ME})))
    there.ask(RELOAD, server.fileno())
    there.control.configure(Settings(), Operators(admins=frozenset({ME}), own=frozenset({ME})))
    there.ask(RELOAD, server.fileno())
    there.control.configure(Settings(), Operators(admins=frozenset({ME})))
    client.close()
    there.ask(RELOAD, server.fileno())
    server.close()
    assert there.requests.seen == [("reload", ME)]
    assert there.killed == []


def test_a_socket_that_is_not_a_connection_of_the_control_socket_counts_for_nothing(there: Fixture) -> None:
    client, server = there.connect()
    a, b = socket.socketpair()
    with client, server, a, b, socket.create_server(("127.0.0.1", 0)) as inet:
        for fd in (a.fileno(), inet.fileno(), client.fileno()):
            there.ask(RELOAD, fd)
        assert there.requests.seen == []


@pytest.mark.parametrize("data", [b"x", b"{}", RELOAD, b" " * 70000, json.dumps({"word": "state", "number": -1}).encode()])
def test_a_panel_that_breaks_the_protocol_is_replaced(there: Fixture, data: bytes) -> None:
    client, server = there.connect()
    with client, server:
        there.ask(data)
        assert there.killed == [4711]
        assert "alert: the panel is being replaced" in there.lines.lines[-1]
        assert there.control.ended(4711, 9)
        assert there.requests.forgotten == 1


def test_a_panel_that_asks_without_end_is_replaced(there: Fixture) -> None:
    client, server = there.connect()
    with client, server:
        for _ in range(201):
            there.ask(STATE)
        assert there.killed == [4711]
        assert "asks too much" in there.lines.lines[-1]


def test_a_panel_that_reads_nothing_is_replaced(there: Fixture) -> None:
    client, server = there.connect()
    with client, server:
        for number in range(5000):
            there.control.answer(number, "x")
            if there.killed:
                break
        assert there.killed == [4711]


def test_one_that_was_idle_makes_room_and_one_that_crashed_waits(there: Fixture) -> None:
    client, server = there.connect()
    with client, server:
        there.now += 300
        assert there.control.ended(4711, 0)
        assert there.lines.lines == []
        assert there.control.due is None
    client, server = there.connect()
    with client, server:
        assert len(there.panels) == 2
        assert there.control.ended(4711, 70 << 8)
        assert there.control.due == there.now + control_socket.CRASH_PAUSE
        there.now += control_socket.CRASH_PAUSE
        there.control.on_timer(there.now)
        assert there.control.due is None
    assert not there.control.ended(4711, 0)


def test_a_new_front_gets_a_pair_of_its_own(there: Fixture) -> None:
    there.control.front_started()
    assert there.orders == []
    client, server = there.connect()
    with client, server:
        there.control.front_started()
        assert [type(order) for order in there.orders] == [Panel, Panel]


def test_a_path_that_cannot_be_bound_is_reported_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "control").write_text("in the way")
    made = Fixture(monkeypatch, tmp_path / "control")
    assert made.control.path == ""
    assert "no control socket at" in made.lines.lines[0]
    monkeypatch.setenv("SUPERD_SOCKET", "")
    made.control.open(Settings.model_validate({"control": {"socket": ""}}))
    assert len(made.lines.lines) == 1
    made.control.close()
    assert cast("Any", made.control)._channel is None


@pytest.mark.parametrize("page", ["metrics", "page"])
def test_a_panel_that_lives_gets_at_once_who_may_ask_for_a_page(there: Fixture, page: str) -> None:
    def told() -> Any:
        while True:
            kind, value, fds = panel_requests.receive_message(there.panels[0])
            for fd in fds:
                os.close(fd)
            if kind == panel_requests.BEGIN:
                return value["allow"][page]

    client, server = there.connect()
    with client, server:
        assert told() == []
        there.control.configure(Settings.model_validate({page: {"allow": ["192.0.2.0/24"]}}), Operators(admins=frozenset({ME})))
        assert told() == ["192.0.2.0/24"]
