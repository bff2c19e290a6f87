"""Connections of operators: how many, how long, and what a hostile one gets."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from superd.ipc import panel_codec, panel_messages, panel_requests
from superd.operators import Operators
from superd.panel import control
from superd.panel.connection import MAX_OUT
from superd.panel.control import Control
from superd.panel.links import FrontLink, MasterLink
from superd.wire.varlink import encode_call
from tests.clock import Clock
from tests.panel.script import FRONT, STATE

ME = os.geteuid()


class Fixture:
    """A panel's control over a real listener, with the ends of its front and master in the test's hands."""

    def __init__(self, path: str) -> None:
        self.epoll, self.clock = select.epoll(), Clock()
        ours, self.master = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        front, self.front = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.links = FrontLink(), MasterLink(ours)
        self.links[0].take(front)
        self.control = Control(self.epoll, *self.links, self.clock)
        self.control.operators = Operators(admins=frozenset({ME}))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(200)
        self.listener.setblocking(False)
        self.path = path
        self.clients: list[socket.socket] = []

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(self.path)
        self.clients.append(client)
        self.control.accept(self.listener, self.clock.now)
        return client

    def turn(self) -> None:
        """One pass of the loop, with the front and the master answering."""
        for _ in range(20):
            self.control.on_time(self.clock.now)
            events = self.epoll.poll(0)
            for fd, mask in events:
                self.control.on_event(fd, mask, self.clock.now)
            asked = self._answer()
            if not events and not asked and self.control.due() != self.clock.now:
                return

    def _answer(self) -> bool:
        asked = False
        for sock in (self.front, self.master):
            sock.setblocking(False)
            try:
                if sock is self.front:
                    question = panel_codec.parse_question(sock.recv(9999))
                    rows = [FRONT] if isinstance(question, panel_messages.AskFront) else []
                    sock.send(panel_codec.encode_answer(question.number, rows))
                    self.links[0].on_readable()
                else:
                    request, operator = panel_requests.receive_request(sock)
                    if operator is not None:
                        operator.close()
                    value: Any = STATE if request.word == "state" else {"bans": [], "holds": [], "events": []}
                    panel_requests.send_message(sock, panel_requests.ANSWER, {"number": request.number, "value": value})
                    with pytest.raises(BlockingIOError):
                        self.links[1].read()
                asked = True
            except BlockingIOError:
                continue
        return asked


@pytest.fixture
def there(tmp_path: Any) -> Iterator[Fixture]:
    made = Fixture(str(tmp_path / "control"))
    yield made
    for connection in tuple(made.control.connections.values()):
        made.control._close(connection)
    assert made.control._running == {}
    for sock in (*made.clients, made.listener, made.front, made.master, made.links[1].sock):
        sock.close()
    made.links[0].drop()
    made.epoll.close()


def answer(client: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\0"):
        piece = client.recv(65536)
        assert piece, data
        data += piece
    value: dict[str, Any] = json.loads(data[:-1])
    return value


INFO = encode_call("org.varlink.service.GetInfo", {})


def test_calls_are_answered_in_their_order(there: Fixture) -> None:
    client = there.connect()
    client.sendall(encode_call("superd.Control.GetStatus", {}) + INFO)
    there.turn()
    data = b""
    while data.count(b"\0") < 2:
        data += client.recv(65536)
    first, second, _ = data.split(b"\0")
    assert "daemon" in json.loads(first)["parameters"]
    assert json.loads(second)["parameters"]["product"] == "superd"


@pytest.mark.parametrize("data", [b"\xff\0", b"[1]\0", b"GET / HTTP/1.0\r\n\r\n\0", b"\0", b"x" * 70000])
def test_garbage_is_answered_with_what_is_wrong_and_closed(there: Fixture, data: bytes) -> None:
    client, other = there.connect(), there.connect()
    client.sendall(data)
    there.turn()
    assert answer(client)["error"] == "superd.Control.Malformed"
    assert client.recv(1) == b""
    other.sendall(INFO)
    there.turn()
    assert "parameters" in answer(other)


def test_a_user_who_may_not_look_gets_that_answer(there: Fixture) -> None:
    there.control.operators = Operators()
    client = there.connect()
    client.sendall(INFO)
    there.turn()
    assert answer(client)["error"] == "superd.Control.PermissionDenied"
    assert client.recv(1) == b""


def test_a_viewer_asks_and_changes_nothing(there: Fixture) -> None:
    there.control.operators = Operators(viewers=frozenset({ME}))
    client = there.connect()
    client.sendall(encode_call("superd.Control.Reload", {}))
    there.turn()
    assert answer(client)["error"] == "superd.Control.PermissionDenied"
    client.sendall(INFO)
    there.turn()
    assert "error" not in answer(client)


def test_a_client_that_goes_in_the_middle_of_a_call_leaves_nothing(there: Fixture) -> None:
    client = there.connect()
    client.sendall(encode_call("superd.Control.ListEvents", {"follow": True}, more=True))
    there.turn()
    client.close()
    there.turn()
    assert there.control.connections == {}
    assert there.control._running == {}


def test_half_a_message_and_silence_have_their_time(there: Fixture) -> None:
    half, silent = there.connect(), there.connect()
    silent.sendall(INFO)
    half.sendall(b'{"method"')
    there.turn()
    there.clock.now += control.PATIENCE + 1
    there.turn()
    assert half.recv(1) == b""
    assert len(there.control.connections) == 1
    there.clock.now += control.SILENCE
    there.turn()
    assert there.control.connections == {}


def test_a_client_that_reads_nothing_is_closed(there: Fixture) -> None:
    client = there.connect()
    call = encode_call("org.varlink.service.GetInterfaceDescription", {"interface": "superd.Control"})
    client.settimeout(0)
    for _ in range(2000):
        try:
            client.sendall(call)
        except BlockingIOError:
            there.turn()
    (connection,) = there.control.connections.values()
    assert connection.waiting_bytes < 2 * MAX_OUT
    there.clock.now += control.PATIENCE + 1
    there.turn()
    assert there.control.connections == {}


def test_connections_are_bounded_and_root_finds_room(there: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    there.control.operators = Operators(admins=frozenset({0, 5, 6, 7, 8, 9}))
    who = {"uid": 5}
    monkeypatch.setattr(control, "credentials_of", lambda sock: (1, who["uid"], ()))
    for who["uid"] in (5, 6, 7, 8, 9):
        for _ in range(20):
            there.connect()
    by_user = [sum(found.uid == user for found in there.control.connections.values()) for user in (5, 6, 7, 8, 9)]
    assert by_user == [16, 16, 16, 16, 0]
    who["uid"] = 0
    client = there.connect()
    client.sendall(INFO)
    there.turn()
    assert "error" not in answer(client)
    for _ in range(200):
        there.connect()
    assert len(there.control.connections) == control.MOST
    assert not there.control.accepts


def test_a_call_after_which_the_client_sends_no_more_is_answered(there: Fixture) -> None:
    client = there.connect()
    client.sendall(INFO)
    client.shutdown(socket.SHUT_WR)
    there.turn()
    assert "parameters" in answer(client)
    assert client.recv(1) == b""
