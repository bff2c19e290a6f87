"""The step before the gate of a connection from a proxy: its header says who the client is, and only then is it decided.

Runs in: the front. Only a peer in `proxy_from` is listened to, for `limits.start` or else five seconds; others are refused
unread. Consumes the header alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.errors import PeerError
from superd.net.proxy_header import HeaderReader, read, read_at_once
from superd.policy.proxies import STRANGER, Sender
from superd.system.closing import let_go, let_socket_go
from superd.through import Facts, Through
from superd.verdict import ADMITTED, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.waiting_room import Place
    from superd.front.stream.connection import Trip
    from superd.net.listener import Listener
    from superd.peer import Peer
    from superd.wire.proxy_header import ProxyHeader

Decide = Callable[["Listener", "CompiledService", int, "Peer", "Peer | None", "Through | None"], None]
"""Decides about a client, and its own address of the server, that a proxy announced, or about the other end of the socket."""

HEADER_SECONDS = 5.0
"""From accept to the whole header, where `limits.start` is not set: proxies send it at once."""
GONE = Verdict(False, Reason.GONE, detail="the proxy closed the connection before its header was whole")
REMOVED = Verdict(False, Reason.STOPPING, detail="the service was removed")


class ProxiedArrivals:
    """Connections of services with `proxy_protocol`."""

    def __init__(self, trip: Trip, decide: Decide) -> None:
        self._trip = trip
        self._decide = decide

    def arrive(self, listener: Listener, service: CompiledService, fd: int, peer: Peer) -> None:
        """Take an accepted connection, and ``fd``, over."""
        assert service.proxies is not None
        match service.proxies.sender(peer):
            case Sender.PROXY:
                self._read(listener, service, fd, peer)
            case Sender.CLIENT:
                self._decide(listener, service, fd, peer, None, None)
            case Sender.STRANGER:
                let_go(fd)
                self._trip.book.turned_away(service, peer, STRANGER)

    def _read(self, listener: Listener, service: CompiledService, fd: int, peer: Peer) -> None:
        """Most proxies send their header with the first segment: then it is here, and no task is needed."""
        assert service.proxies is not None
        reader = HeaderReader(service.proxies.versions)
        sock = socket.socket(fileno=fd)
        try:
            header = read_at_once(sock, reader)
        except (PeerError, EOFError, OSError) as problem:
            self._refuse(sock, service, peer, _why(problem))
            return
        if header is not None:
            self._go_on(listener, service, sock.detach(), peer, header)
            return
        place = self._trip.room.enter(service, None)
        if place is None:
            self._refuse(sock, service, peer, self._trip.room.overload(ADMITTED))
            return
        self._trip.start_task(self._wait, listener, service, sock, peer, reader, place)

    async def _wait(
        self, listener: Listener, service: CompiledService, sock: socket.socket, peer: Peer, reader: HeaderReader, place: Place
    ) -> None:
        sock.setblocking(False)
        stream = trio.socket.from_stdlib_socket(sock)
        seconds = service.service.limits.start or HEADER_SECONDS
        header, verdict = None, Verdict(False, Reason.START_LIMIT, detail=f"no whole PROXY header within {seconds:g} s")
        try:
            with trio.move_on_after(seconds):
                try:
                    header = await read(stream, reader)
                except (PeerError, EOFError, OSError) as problem:
                    verdict = _why(problem)
            current = self._trip.in_force.services.get(service.name)
            place.leave()
            self._trip.gate.end_batch()
            if header is None:
                self._refuse(stream, service, peer, verdict)
            elif current is None:
                self._refuse(stream, service, peer, REMOVED)
            elif current.proxies is None or current.proxies.sender(peer) is not Sender.PROXY:
                self._refuse(stream, service, peer, STRANGER)
            else:
                fd = stream.detach()
                os.set_blocking(fd, True)  # as accept(2) gave it
                self._go_on(listener, current, fd, peer, header)
            self._trip.dispatch.flush()
            self._trip.log.flush()
        finally:
            place.leave()
            let_socket_go(stream)

    def _go_on(self, listener: Listener, service: CompiledService, fd: int, peer: Peer, header: ProxyHeader) -> None:
        if header.source is None:
            self._decide(listener, service, fd, peer, None, None)
        else:
            through = Through(peer, facts_of(header, peer))
            self._decide(listener, service, fd, header.source, header.destination, through)

    def _refuse(
        self, sock: socket.socket | trio.socket.SocketType, service: CompiledService, peer: Peer, verdict: Verdict
    ) -> None:
        let_socket_go(sock)
        self._trip.book.turned_away(service, peer, verdict)


def _why(problem: Exception) -> Verdict:
    return Verdict(False, Reason.PROXY, detail=str(problem)) if isinstance(problem, PeerError) else GONE


def facts_of(header: ProxyHeader, proxy: Peer) -> Facts:
    """What a program finds in its environment about the proxy, besides the client's own address."""
    facts = [("PROXY_PROTOCOL", f"v{header.version}")]
    if proxy.version:
        facts += [("PROXY_ADDR", proxy.address), ("PROXY_PORT", str(proxy.port))]
    facts += [("PROXY_AUTHORITY", header.authority), ("PROXY_ALPN", header.alpn), ("PROXY_UNIQUE_ID", header.unique_id.hex())]
    if header.tls is not None:
        tls = header.tls
        facts += [("PROXY_TLS_VERSION", tls.version), ("PROXY_TLS_CIPHER", tls.cipher), ("PROXY_TLS_CN", tls.common_name)]
        facts.append(("PROXY_TLS_VERIFIED", "yes" if tls.verified else "no"))
    return tuple((name, value) for name, value in facts if value)
