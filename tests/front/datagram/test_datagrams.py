"""The parts for services of datagrams work together: an answer goes out, a name is looked up, a listener is forgotten."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

from superd.address import BindAddress, SocketType
from superd.front.datagram.datagrams import Datagrams
from superd.front.in_force import InForce
from superd.net.listener import Listener, ListenerSet
from superd.settings import Settings
from tests.front.datagram.test_verdicts import Desk
from tests.front.fakes import service


async def test_a_datagram_is_answered_and_where_a_rule_needs_its_sender_s_name_that_is_looked_up() -> None:
    desk, force, tasks = Desk(deny="cat: .example.com"), InForce(Settings()), list[tuple[Any, ...]]()
    listeners = ListenerSet(lambda number: None)
    names = SimpleNamespace(cached=lambda address: None, look_up=lambda address: None)
    datagrams = Datagrams(
        cast("Any", names), desk.gate, desk.parts.book, desk.commands, desk.commands, listeners, force, lambda address: None,
        cast("Any", desk.parts.log), lambda *given: tasks.append(given), desk.parts.clock,
    )  # fmt: skip
    sock, client = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    with client:
        sock.bind(("127.0.0.1", 0))
        client.connect(sock.getsockname())
        client.settimeout(5)
        listener = Listener(BindAddress(SocketType.DGRAM, "127.0.0.1", 7), "s", sock)
        listeners.add(listener)
        echo = service(socket_type="dgram", type=["INTERNAL"], service="echo", libwrap="cat")
        client.send(b"hello")
        datagrams.on_ready(listener, echo)
        assert [task[1] for task in tasks] == ["127.0.0.1"]
        names.cached = lambda address: "a.example.org"
        client.send(b"again")
        datagrams.on_ready(listener, echo)
        assert client.recv(99) == b"again"
        datagrams.forget(listener)
        listeners.close()
