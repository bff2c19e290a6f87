"""The pages of the panel over HTTP: GET of one path at each listener, one answer a connection, read-only.

Runs in: panel. Never: keeps a connection for longer than its deadline, or makes an answer for a client that may not ask.
"""

from __future__ import annotations

import ipaddress
import re
import select
import socket
from collections.abc import Callable, Mapping
from typing import Any

from superd.panel.links import FrontLink, MasterLink
from superd.panel.steps import Method, Refusal, ToMaster

MOST = 32
"""Connections at once; the next waits in the kernel."""
MAX_REQUEST = 8192
DEADLINE = 10.0
"""Seconds from accept to the end of the answer."""
_READ, _WRITE, _GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR
_HEADERS = (
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:\r\n"
)
_STATUS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    421: "Misdirected Request", 431: "Too Large", 503: "Service Unavailable",
}  # fmt: skip

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::[0-9]{1,5})?")
"""A Host header: an address in brackets, or a name or address, and perhaps a port."""

Render = Callable[[dict[str, Any], str], tuple[bytes, str]]
"""Makes the body of a method's result and the request's Accept header; returns it with its content type."""


class Page:
    """What one listener serves: its path, the method that collects the facts, and what makes a page of them."""

    def __init__(self, path: str, method: Callable[[], Method], render: Render) -> None:
        self.path = path
        self.method = method
        self.render = render


class _Client:
    """One connection."""

    def __init__(self, sock: socket.socket, kind: str, deadline: float) -> None:
        self.sock = sock
        self.kind = kind
        self.deadline = deadline
        self.data = b""
        self.out = memoryview(b"")
        self.asked = False


class HttpServer:
    """All connections. ``pages`` are by the name of their listener; ``allow`` are the networks that may ask, by the same.

    ``names`` are the names of hosts by which they may ask for each, in small letters.
    """

    def __init__(
        self, epoll: select.epoll, front: FrontLink, master: MasterLink, clock: Callable[[], float], pages: Mapping[str, Page]
    ) -> None:
        self.allow: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
        self.names: dict[str, set[str]] = {}
        self._epoll = epoll
        self._front = front
        self._master = master
        self._clock = clock
        self._pages = pages
        self.connections: dict[int, _Client] = {}

    @property
    def accepts(self) -> bool:
        """Whether there is room for a connection."""
        return len(self.connections) < MOST

    def due(self) -> float | None:
        """Return when a connection is at its deadline."""
        return min((client.deadline for client in self.connections.values()), default=None)

    def on_time(self, now: float) -> None:
        """Close connections that are over their time."""
        for client in [found for found in self.connections.values() if found.deadline <= now]:
            self._close(client)

    def accept(self, kind: str, listener: socket.socket, now: float) -> None:
        """Accept what waits at the listener of this page."""
        while self.accepts:
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                continue
            sock.setblocking(False)
            client = self.connections[sock.fileno()] = _Client(sock, kind, now + DEADLINE)
            self._epoll.register(sock, _READ)
            if not self._may_ask(kind, sock, address):
                self._answer(client, 403, b"your address may not ask: name it in `allow`\n", "text/plain")

    def _may_ask(self, kind: str, sock: socket.socket, address: Any) -> bool:
        if sock.family == socket.AF_UNIX:
            return True
        try:
            host = ipaddress.ip_address(str(address[0]).partition("%")[0])
        except (ValueError, IndexError):
            return False
        host = getattr(host, "ipv4_mapped", None) or host
        return host.is_loopback or any(host in network for network in self.allow.get(kind, ()))

    def _is_ours(self, client: _Client, hosts: list[str]) -> bool:
        """Whether the request is for a name of this page, or an address.

        A stranger's web page can have its own name lead to this host (DNS rebinding), and would be shown what we answer; a
        browser says that name. A request without a name does not come from a browser.
        """
        if not hosts or client.sock.family == socket.AF_UNIX:
            return True
        if len(hosts) > 1:
            return False
        found = _HOST.fullmatch(hosts[0].lower())
        if found is None:
            return False
        bracketed, name = found[1] or "", found[2] or ""
        return _is_address(bracketed or name) or name.removesuffix(".") in self.names.get(client.kind, ())

    def on_event(self, fd: int, events: int) -> None:
        """A client sent something, takes more or is gone."""
        client = self.connections.get(fd)
        if client is None:
            return
        try:
            if events & _WRITE:
                self._send(client)
            elif events & _READ:
                self._read(client)
            elif events & _GONE:
                self._close(client)
        except OSError:
            self._close(client)

    def _read(self, client: _Client) -> None:
        piece = client.sock.recv(MAX_REQUEST + 1 - len(client.data))
        client.data += piece
        if client.asked or client.out:
            if not piece:
                self._close(client)
            client.data = b""
        elif b"\r\n\r\n" in client.data or b"\n\n" in client.data:
            self._request(client)
        elif len(client.data) > MAX_REQUEST:
            self._answer(client, 431, b"the request is too large\n", "text/plain")
        elif not piece:
            self._close(client)

    def _request(self, client: _Client) -> None:
        lines = client.data.decode("latin-1").splitlines()
        client.data = b""
        words = lines[0].split(" ") if lines else []
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            self._answer(client, 400, b"that is not HTTP\n", "text/plain")
            return
        page = self._pages[client.kind]
        hosts = [line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")]
        if not self._is_ours(client, hosts):
            self._answer(client, 421, b"this page has not that name: add it to `names` in superd.toml\n", "text/plain")
        elif words[0] != "GET":
            self._answer(client, 405, b"this page is read only\n", "text/plain")
        elif words[1].partition("?")[0] not in (page.path, "/"):
            self._answer(client, 404, f"only {page.path} is here\n".encode(), "text/plain")
        else:
            accept = next((line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("accept:")), "")
            client.asked = True
            self._epoll.modify(client.sock, 0)
            self._go_on(client, page, page.method(), accept, None)

    def _go_on(self, client: _Client, page: Page, method: Method, accept: str, result: Any) -> None:
        if client.sock.fileno() < 0:
            method.close()
            return
        try:
            step = method.throw(result) if isinstance(result, Refusal) else method.send(result)
        except StopIteration as end:
            body, kind = page.render(end.value, accept)
            self._answer(client, 200, body, kind)
            return
        except Refusal as refusal:
            text = str(refusal.parameters.get("text", refusal.error))
            self._answer(client, 503, f"{text}\n".encode(), "text/plain")
            return

        def resume(answer: Any) -> None:
            self._go_on(client, page, method, accept, answer)

        if isinstance(step, ToMaster):
            self._master.ask(step, client.sock, resume)
        else:
            self._front.ask(step, resume)  # type: ignore[arg-type]  # pages reply once and do not pause

    def _answer(self, client: _Client, status: int, body: bytes, kind: str) -> None:
        head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{_HEADERS}\r\n"
        client.out = memoryview(head.encode() + body)
        client.asked = True
        try:
            self._send(client)
        except OSError:
            self._close(client)

    def _send(self, client: _Client) -> None:
        while client.out:
            try:
                client.out = client.out[client.sock.send(client.out) :]
            except BlockingIOError:
                self._epoll.modify(client.sock, _WRITE)
                return
        client.sock.shutdown(socket.SHUT_WR)  # what it sent and was not read must not reset what goes to it
        self._epoll.modify(client.sock, _READ)
        client.deadline = min(client.deadline, self._clock() + 1.0)

    def _close(self, client: _Client) -> None:
        del self.connections[client.sock.fileno()]
        self._epoll.unregister(client.sock)
        client.sock.close()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
