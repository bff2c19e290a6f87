"""Internal services of datagrams over real sockets: what is answered, which clients never, and that no call can block."""

from __future__ import annotations

import socket

from superd.address import BindAddress, SocketType
from superd.front.datagram.internal_answers import InternalAnswers
from superd.net.listener import Listener
from tests.front.datagram.test_verdicts import Desk
from tests.front.fakes import service


class Bound:
    """A listener of echo and a client of it."""

    def __init__(self, desk: Desk, own_ports: frozenset[int] = frozenset()) -> None:
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.client = socket.socket(type=socket.SOCK_DGRAM)
        self.client.settimeout(5)
        self.client.connect(self.sock.getsockname())
        self.listener = Listener(BindAddress(SocketType.DGRAM, "127.0.0.1", 7), "s", self.sock)
        self.answers = InternalAnswers(desk.verdicts, desk.gate, lambda: own_ports)

    def __enter__(self) -> Bound:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self.client.close()

    def ask(self, payload: bytes, service_name: str = "echo") -> None:
        self.client.send(payload)
        self.answers.on_ready(self.listener, service(socket_type="dgram", type=["INTERNAL"], service=service_name, libwrap="cat"))


def test_each_datagram_is_answered_and_a_blocking_socket_blocks_nothing() -> None:
    with Bound(Desk()) as bound:
        bound.sock.setblocking(True)  # a child of a program that once had it can do that
        bound.ask(b"hello")
        assert bound.client.recv(100) == b"hello"


def test_a_sender_that_answers_by_itself_gets_no_answer_and_no_line() -> None:
    desk = Desk()
    with Bound(desk) as bound:
        bound.answers = InternalAnswers(desk.verdicts, desk.gate, lambda: frozenset({bound.client.getsockname()[1]}))
        bound.ask(b"hello")
        bound.client.settimeout(0)
        try:
            raise AssertionError(bound.client.recv(100))
        except BlockingIOError:
            assert desk.parts.log.take() == []


def test_a_refused_datagram_is_logged_and_a_sensor_never_answers() -> None:
    desk = Desk(deny="cat: 127.0.0.1")
    with Bound(desk) as bound:
        bound.ask(b"hello")
        (line,) = desk.parts.log.take()
        assert (line[0], line[3]) == ("FAIL", "libwrap")
