"""HTTP of the panel: who may ask, what is refused, and what clients that mean ill get."""

from __future__ import annotations

import ipaddress
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from superd.ipc import panel_requests
from superd.panel import http
from superd.panel.http import HttpServer, Page
from superd.panel.links import FrontLink, MasterLink
from superd.panel.steps import Method, Refusal, ToMaster

GET = b"GET /metrics HTTP/1.1\r\nAccept: text/plain\r\n\r\n"


def facts() -> Method:
    found: dict[str, Any] = yield ToMaster("state")
    return found


def failing() -> Method:
    yield ToMaster("state")
    raise Refusal("Unavailable", text="no front")


class Fixture:
    """A server over a real listener, with the master in the test's hands."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.epoll = select.epoll()
        ours, self.master = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link = MasterLink(ours)
        self.body = b"x" * 10
        pages = {
            "metrics": Page("/metrics", facts, lambda value, accept: (self.body + accept.encode(), "text/plain")),
            "page": Page("/", failing, lambda value, accept: (b"", "")),
        }
        self.http = HttpServer(self.epoll, FrontLink(), self.link, lambda: self.now, pages)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.clients: list[socket.socket] = []
        self.master_is_asked = False

    def connect(self, kind: str = "metrics") -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), 5)
        self.clients.append(client)
        self.http.accept(kind, self.listener, self.now)
        return client

    def turn(self) -> None:
        """Passes of the loop until nothing happens, with the master answering."""
        self.master.setblocking(False)
        for _ in range(20000):
            self.http.on_time(self.now)
            events = self.epoll.poll(0.05)
            for fd, mask in events:
                self.http.on_event(fd, mask)
            try:
                request, _ = panel_requests.receive_request(self.master)
                self.master_is_asked = True
                value = {"number": request.number, "value": {}}
                panel_requests.send_message(self.master, panel_requests.ANSWER, value)
                with pytest.raises(BlockingIOError):
                    self.link.read()
            except BlockingIOError:
                if not events:
                    return

    def asked(self, data: bytes, kind: str = "metrics") -> bytes:
        client = self.connect(kind)
        client.sendall(data)
        self.turn()
        return read_all(client)


def got(there: Fixture, *hosts: str, kind: str = "metrics") -> bytes:
    """The status line of an answer to a request for these hosts."""
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    return there.asked(f"GET / HTTP/1.1\r\n{lines}\r\n".encode(), kind).split(b"\r\n")[0].removeprefix(b"HTTP/1.1 ")


def read_all(client: socket.socket) -> bytes:
    found = b""
    try:
        while piece := client.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.fixture
def there() -> Iterator[Fixture]:
    made = Fixture()
    yield made
    for client in tuple(made.http.connections.values()):
        made.http._close(client)
    for sock in (*made.clients, made.listener, made.master, made.link.sock):
        sock.close()
    made.epoll.close()


def test_a_get_is_answered_with_the_page_and_closed(there: Fixture) -> None:
    answer = there.asked(GET)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nxxxxxxxxxxtext/plain")
    assert b"Content-Security-Policy: default-src 'none'" in answer
    assert b"Content-Length: 20\r\n" in answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000, 431),
    ],
)
def test_what_is_not_a_request_for_the_page_is_refused(there: Fixture, data: bytes, status: int) -> None:
    assert there.asked(data).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_page_without_its_facts_says_so(there: Fixture) -> None:
    answer = there.asked(GET.replace(b"/metrics", b"/"), "page")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"no front\n")


def test_an_address_that_may_not_ask_gets_that_answer(there: Fixture) -> None:
    class Elsewhere:
        """A listener whose clients seem to come from another host."""

        def accept(self) -> tuple[socket.socket, Any]:
            sock, _ = there.listener.accept()
            return sock, ("192.0.2.1", 5)

    listener: Any = Elsewhere()
    for allow, status in (([], 403), ([ipaddress.ip_network("192.0.2.0/24")], 200)):
        there.http.allow = {"metrics": list(allow)}
        client = socket.create_connection(there.listener.getsockname(), 5)
        there.clients.append(client)
        there.http.accept("metrics", listener, there.now)
        client.sendall(GET)
        there.turn()
        assert read_all(client).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_unix_client_may_ask(there: Fixture, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.setblocking(False)
        client.settimeout(5)
        client.connect(str(tmp_path / "s"))
        there.http.accept("metrics", listener, there.now)
        client.sendall(GET)
        there.turn()
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_silence_and_slow_reading_end_at_the_deadline(there: Fixture) -> None:
    there.body = b"x" * (32 << 20)
    silent, slow, half = there.connect(), there.connect(), there.connect()
    slow.sendall(GET)
    half.sendall(b"GET /met")
    there.turn()
    assert len(there.http.connections) == 3
    there.now += http.DEADLINE + 1
    there.turn()
    assert there.http.connections == {}
    assert silent.recv(1) == b""


def test_connections_are_bounded_and_the_rest_waits(there: Fixture) -> None:
    for _ in range(http.MOST + 10):
        there.connect()
    assert len(there.http.connections) == http.MOST
    assert not there.http.accepts
    there.now += http.DEADLINE + 1
    there.turn()
    there.http.accept("metrics", there.listener, there.now)
    assert len(there.http.connections) == 10


def test_a_client_that_goes_before_its_answer_leaves_nothing(there: Fixture) -> None:
    client = there.connect()
    client.sendall(GET)
    for fd, mask in there.epoll.poll(1):
        there.http.on_event(fd, mask)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    there.turn()
    assert there.http.connections == {}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:9190", "[::1]:9190", "[2001:db8::7]", "192.0.2.1:80", "localhost:9190", "LOCALHOST", "db1:9190",
        "db1.",
    ],
)  # fmt: skip
def test_addresses_and_names_of_this_page_are_its_own(there: Fixture, host: str) -> None:
    there.http.names = {"metrics": {"localhost", "db1"}}
    assert got(there, host) == b"200 OK"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:9190",
        "127.0.0.1.evil.example.com",
        "db1.evil.example.com",
        "db2",
        "",
        "db1:x",
        "[db1]",
        "a b",
    ],
)
def test_a_name_that_leads_here_by_a_strangers_doing_is_refused(there: Fixture, host: str) -> None:
    there.http.names = {"metrics": {"localhost", "db1"}, "page": {"db2"}}
    assert got(there, host) == b"421 Misdirected Request"
    assert there.master_is_asked is False


def test_two_names_are_refused_and_a_request_without_one_is_answered(there: Fixture) -> None:
    there.http.names = {"metrics": {"db1"}}
    assert got(there, "db1", "db1") == b"421 Misdirected Request"
    assert got(there) == b"200 OK"
