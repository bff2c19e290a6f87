"""Sockets that are not accepted from: datagram services of all kinds, and ``wait`` services of any type.

A ``wait`` program gets the listening socket and the front is deaf until it ends; what waits in the socket's queue is never
drained, the next program gets it. A program that keeps ending without reading is started ever more seldom.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any

import trio

from superd.address import SocketType
from superd.internal import DATAGRAM
from superd.peer import Peer, peer_from_text
from superd.policy.admission import check_addresses
from superd.policy.hosts_access import NO_FACTS, decide
from superd.policy.reflection import reflects
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.daemon.front import Front
    from superd.daemon.state import ServiceState
    from superd.net.listener import Listener
    from superd.record import SessionRecord

BATCH = 64
FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds a ``wait`` service rests when its program ended at once; doubles from the first to the last."""
QUICK = 1.0
"""A program that lived less long than this, with the same datagram still waiting, has not read it."""
DROP_AFTER = 3
"""So many programs may leave one datagram unread; then it is thrown away, or it would block the others for ever."""
MAX_DATAGRAM = 65535


class DatagramDesk:
    """All such sockets of the front."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._quick: dict[int, tuple[int, bytes]] = {}

    def on_ready(self, listener: Listener, state: ServiceState) -> None:
        """Something waits in the listener's queue."""
        if state.service.wait or state.program:
            self._hand_over(listener, state)
        else:
            self._answer(listener, state)

    def forget(self, listener: Listener) -> None:
        """The listener is closed."""
        self._quick.pop(listener.fd, None)

    # ------------------------------------------------------------------ internal services

    def _answer(self, listener: Listener, state: ServiceState) -> None:
        front, handler = self._front, DATAGRAM[state.service.internal]
        for _ in range(BATCH):
            try:
                payload, sender = listener.sock.recvfrom(MAX_DATAGRAM)
            except OSError:
                return
            peer = peer_of(sender)
            if peer is None or reflects(peer, front.own_ports):
                continue  # not logged: the sender is forged, and a line for each would be his second weapon
            verdict = self._decide(state, peer, listener)
            if verdict is not None:
                front.refuse_datagram(state, peer, verdict)
                continue
            answer = handler(payload, time.time())  # noqa: TID251 - daytime and time tell the time of day
            if answer:
                try:
                    listener.sock.sendto(answer, sender)
                except OSError:
                    continue  # the sender's network is gone, or its queue is full; UDP promises nothing

    def _decide(self, state: ServiceState, peer: Peer, listener: Listener) -> Verdict | None:
        front = self._front
        now = time.monotonic()
        answer: Verdict | Ask | None = check_addresses(state.access, peer, front.sensor, now)
        if answer is None and state.wrapped:
            tables = front.policy.current() or front.policy.in_force()
            if front.policy.current() is None:
                front.refresh_policy()
            server = Peer("unknown", 0, 0, listener.address.port)
            answer = decide(tables, state.daemon, peer, server, NO_FACTS)
        if isinstance(answer, Ask):
            # A datagram does not wait for a name server: its sender may be forged, and the queue behind it is not his.
            name = front.resolver.cached(peer.address)
            if name is None:
                front.look_up(peer.address)
                return Verdict(False, Reason.DECIDE_TIMEOUT, detail="name not known yet")
            return self._decide_named(state, peer, name, listener)
        if isinstance(answer, Verdict) and not answer.admit:
            return answer
        for table, reason in state.access.rates:
            if not table.take(state.access.source_of(peer), now):
                return Verdict(False, reason)
        return None

    def _decide_named(self, state: ServiceState, peer: Peer, name: str, listener: Listener) -> Verdict | None:
        import dataclasses

        named = dataclasses.replace(peer, name=name, user="unknown")
        server = Peer("unknown", 0, 0, listener.address.port, name="unknown")
        answer: Verdict | Ask | None = check_addresses(state.access, named, self._front.sensor, time.monotonic())
        if answer is None:
            answer = decide(self._front.policy.in_force(), state.daemon, named, server, NO_FACTS)
        if isinstance(answer, Verdict):
            return None if answer.admit else answer
        return Verdict(False, Reason.DECIDE_TIMEOUT, detail="not known yet")

    # ------------------------------------------------------------------ programs

    def _hand_over(self, listener: Listener, state: ServiceState) -> None:
        front = self._front
        peer: Peer | None = None
        if state.service.socket_type is SocketType.DGRAM:
            try:
                head, sender = listener.sock.recvfrom(64, socket.MSG_PEEK)
            except OSError:
                return
            peer = peer_of(sender)
            if peer is None:
                listener.sock.recv(1)
                return
            if self._unread(listener, head + repr(sender).encode()):
                return
            verdict = self._decide(state, peer, listener)
            if verdict is not None:
                listener.sock.recv(1)
                front.refuse_datagram(state, peer, verdict)
                return
        if front.counts.by_service.get(state.name, 0) >= (state.access.instances or (1 << 30)):
            self._rest(listener, FIRST_PAUSE)
            return
        front.listeners.ignore(listener)
        front.start_waiting(listener, state, peer)

    def _unread(self, listener: Listener, head: bytes) -> bool:
        count, before = self._quick.get(listener.fd, (0, b""))
        if before == head and count >= DROP_AFTER:
            listener.sock.recv(1)
            self._quick.pop(listener.fd)
            self._front.log.message("error", "a datagram that its program never reads was dropped", listener.name)
            return True
        self._quick[listener.fd] = (count if before == head else 0, head)
        return False

    def ended(self, record: SessionRecord) -> None:
        """The program of a ``wait`` service ended: its socket is heard again, after a rest if it ended at once."""
        listener: Any = record.listener
        if listener.sock.fileno() < 0:
            return
        os.set_blocking(listener.fd, False)
        count, head = self._quick.get(listener.fd, (0, b""))
        if record.seconds < QUICK:
            count += 1
            self._quick[listener.fd] = (count, head)
            if count > 1:
                self._rest(listener, min(FIRST_PAUSE * 2.0 ** (count - 2), LAST_PAUSE))
                return
        else:
            self._quick[listener.fd] = (0, head)
        self._front.listeners.hear(listener)

    def _rest(self, listener: Listener, seconds: float) -> None:
        self._front.listeners.ignore(listener)
        self._front.nursery.start_soon(self._wake, listener, seconds)

    async def _wake(self, listener: Listener, seconds: float) -> None:
        await trio.sleep(seconds)
        if listener.sock.fileno() >= 0:
            self._front.listeners.hear(listener)


def peer_of(sender: Any) -> Peer | None:
    """The sender of a datagram, or None for a unix socket that has no name to answer to."""
    if not isinstance(sender, tuple):
        return None
    address = sender[0]
    return peer_from_text(address, sender[1])
