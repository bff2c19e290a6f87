"""Sockets that are not accepted from: datagram services of all kinds, and ``wait`` services of any type.

A ``wait`` program gets the listening socket and the front is deaf until it ends; what waits in the socket's queue is never
drained, the next program gets it. A program that keeps ending without reading is started ever more seldom.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import trio

from superd.address import SocketType
from superd.expansion import values_of
from superd.front.datagram.peer_programs import UdpPeers
from superd.internal import DATAGRAM
from superd.net import peername
from superd.net.udp import MAX_DATAGRAM
from superd.peer import UNKNOWN, Peer, unix_peer
from superd.policy.admission import admit, check_addresses, check_limits
from superd.policy.hosts_access import NO_FACTS, decide, decide_unseen
from superd.policy.reflection import reflects
from superd.record import SessionRecord
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.process import Front
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener

BATCH = 64
POLICY_PAUSE = 0.05
"""Seconds that a `wait` service rests while changed tables are read, which takes 20 ms for tables of the usual length."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds a ``wait`` service rests when its program ended at once; doubles from the first to the last."""
QUICK = 1.0
"""A program that lived less long than this, with the same datagram still waiting, has not read it."""
DROP_AFTER = 3
"""So many programs may leave one datagram unread; then it is thrown away, or it would block the others for ever."""


class DatagramDesk:
    """All such sockets of the front."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._quick: dict[int, tuple[int, bytes]] = {}
        self.peers = UdpPeers(front)

    def on_ready(self, listener: Listener, state: CompiledService) -> None:
        """Something waits in the listener's queue."""
        if state.service.hands_over:
            self._hand_over(listener, state)
        elif state.program:
            self.peers.on_ready(listener, state)
        else:
            self._answer(listener, state)

    def forget(self, listener: Listener) -> None:
        """The listener is closed."""
        self.peers.forget(listener)
        self._quick.pop(listener.fd, None)

    # ------------------------------------------------------------------ internal services

    def _answer(self, listener: Listener, state: CompiledService) -> None:
        front, handler = self._front, DATAGRAM.get(state.service.internal, nothing)
        for _ in range(BATCH):
            try:
                payload, sender = listener.sock.recvfrom(MAX_DATAGRAM)
            except OSError:
                return
            peer = peer_of(sender)
            if reflects(peer, front.in_force.datagram_ports):
                continue  # not logged: the sender is forged, and a line for each would be his second weapon
            verdict = self.check(state, peer, listener)
            if verdict is not None:
                front.refuse_datagram(state, peer, verdict)
                continue
            if state.service.log_style == "xinetd" and state.service.log_on_success:
                front.log.datagram(SessionRecord(0, state.service, peer, time.monotonic()))
            answer = handler(payload, time.time())  # noqa: TID251 - daytime and time tell the time of day
            if answer is not None and sender:
                try:
                    listener.sock.sendto(answer, sender)
                except OSError:
                    continue  # the sender's network is gone, or its queue is full; UDP promises nothing

    def check(self, state: CompiledService, peer: Peer, listener: Listener, *, starts: bool = False) -> Verdict | None:
        """Why the datagram is refused, or ``None``. ``starts``: a session of its own begins, so limits on those count too."""
        front, access, now = self._front, state.access, time.monotonic()

        def own() -> Verdict | Ask | None:
            if starts:
                return admit(access, peer, front.counts, now, front.world)
            return check_addresses(access, peer, front.world.sensor, now)

        answer = own()
        if isinstance(answer, Ask):
            peer = self._named(peer)
            answer = own() if peer.name else answer
        if answer is None and state.wrapped:
            tables = front.policy.current()
            if tables is None:
                front.refresh_policy()
                tables = front.policy.in_force()
            server = Peer("unknown", 0, 0, listener.address.port, name="unknown")
            answer = decide(tables, state.daemon, peer, server, NO_FACTS)
            if isinstance(answer, Ask) and not peer.name:
                peer = self._named(peer)
                answer = decide(tables, state.daemon, peer, server, NO_FACTS) if peer.name else answer
        if isinstance(answer, Verdict) and answer.steps:
            answer = self._carry_out(state, peer, listener, answer)
        if isinstance(answer, Ask):
            return Verdict(False, Reason.DECIDE_TIMEOUT, detail=f"{answer.need.value.replace('_', ' ')} not known yet")
        if answer is not None and not answer.admit:
            return answer
        return None if starts else access.over_rate(peer, now)

    def _carry_out(self, state: CompiledService, peer: Peer, listener: Listener, verdict: Verdict) -> Verdict:
        """The commands of the rule that matched are started, as in tcpd; a datagram waits for none of them.

        There is no connection that a `twist` could answer on, nor a banner: the first refuses, the second is for TCP alone.
        """
        front, before = self._front, list[str]()
        server = Peer("unknown", 0, 0, listener.address.port, name="unknown")
        values = values_of(state.daemon, replace(peer, name=peer.name or UNKNOWN, user=UNKNOWN), server, os.getpid())
        for option in verdict.steps:
            if option.name in ("setenv", "umask", "nice"):
                before.append(option.digest)
            elif option.name == "twist":
                return Verdict(False, Reason.RULE_DENY, verdict.rule, "a datagram has no connection for a twist")
            elif option.name == "spawn":
                front.launches.commands.begin(option, values, state.name, tuple(before))
        return verdict

    def _named(self, peer: Peer) -> Peer:
        """The peer with its name, if that is known. A datagram does not wait for a name server.

        Its sender may be forged, and the queue behind it is not his. The user behind it nobody can tell.
        """
        name = self._front.resolver.cached(peer.address)
        if name is None:
            self._front.look_up(peer.address)
            return peer
        return replace(peer, name=name, user=UNKNOWN)

    # ------------------------------------------------------------------ programs

    def _hand_over(self, listener: Listener, state: CompiledService) -> None:
        front = self._front
        peer: Peer | None = None
        if listener.address.socket_type is SocketType.DGRAM:
            try:
                head, sender = listener.sock.recvfrom(64, socket.MSG_PEEK)
            except OSError:
                return
            peer = peer_of(sender)
            if self._unread(listener, head + repr(sender).encode()):
                return
            verdict = self.check(state, peer, listener)
            if verdict is not None:
                listener.sock.recv(1)
                front.refuse_datagram(state, peer, verdict)
                return
        elif self._refuse_unseen(listener, state):
            return
        # As for a peer without an address: load, hours and limits are nobody's fault; who waits is served when they are over.
        now = check_limits(state.access, unix_peer(), front.counts, time.monotonic(), front.world)
        if now is not None:
            front.log.message("warning", f"not started yet: {now.why()}", state.name)
            self._rest(listener, FIRST_PAUSE)
            return
        front.listeners.ignore(listener)
        session = front.book.enter(state, peer, time.monotonic())
        session.when_over(lambda session: self._ended(listener, session.record.seconds))
        front.launches.hand_over(session, Peer("", 0, 0, listener.address.port), os.dup(listener.fd))

    def _refuse_unseen(self, listener: Listener, state: CompiledService) -> bool:
        """Whether the rules keep this service closed: its program would accept clients that nobody has held against them."""
        if not state.wrapped:
            return False
        tables = self._front.policy.current()
        if tables is None:
            # A program lives long: the first client after a change waits for the new tables.
            self._front.refresh_policy()
            self._rest(listener, POLICY_PAUSE)
            return True
        verdict = decide_unseen(tables, state.daemon)
        if verdict.admit:
            return False
        for _ in range(BATCH):
            try:
                fd, sockaddr = listener.accept()
            except OSError:
                break
            peer = peername.remote(sockaddr) if listener.tcp else peername.remote_of_unix(fd)
            os.close(fd)
            self._front.book.turned_away(state, peer, verdict)
        return True

    def _unread(self, listener: Listener, head: bytes) -> bool:
        count, before = self._quick.get(listener.fd, (0, b""))
        if before == head and count >= DROP_AFTER:
            listener.sock.recv(1)
            self._quick.pop(listener.fd)
            self._front.log.message("error", "a datagram that its program never reads was dropped", listener.name)
            return True
        self._quick[listener.fd] = (count if before == head else 0, head)
        return False

    def adopted(self, session: LiveSession) -> None:
        """A `wait` program of an earlier front has a listening socket: which, if there are many, cannot be known."""
        for listener in self._front.in_force.listeners.values():
            if listener.name == session.service.name and not listener.deaf:
                self._front.listeners.ignore(listener)
                session.when_over(lambda session, listener=listener: self._ended(listener, session.record.seconds))  # type: ignore[misc]
                return

    def _ended(self, listener: Listener, seconds: float) -> None:
        """The program of a ``wait`` service ended: its socket is heard again, after a rest if it ended at once."""
        if listener.sock.fileno() < 0:
            return
        os.set_blocking(listener.fd, False)
        count, head = self._quick.get(listener.fd, (0, b""))
        if seconds < QUICK:
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


def peer_of(sender: Any) -> Peer:
    """The sender of a datagram; of a unix socket's, nobody can tell who it was."""
    return peername.remote(sender) if isinstance(sender, tuple) else unix_peer()


def nothing(payload: bytes, now: float) -> None:
    """The answer of a sensor, which bans nobody for a datagram: its sender may be forged."""
