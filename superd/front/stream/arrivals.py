"""From accept(2) to the launcher's queue, or to a refusal, in one pass: the trip of a connection that waits for nothing.

Runs in: the front. What must wait (a name, a banner, a command, a relay) becomes a task, for which the waiting room must have
a place.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from superd.address import SocketType
from superd.counted import counted
from superd.front.stream.descriptor_room import DescriptorRoom
from superd.front.stream.proxied import ProxiedArrivals
from superd.front.stream.session import run_session
from superd.net import peername
from superd.net.listener import OVERLOAD
from superd.policy.proxies import STRANGER
from superd.system.closing import let_go, let_untouched_go
from superd.verdict import ADMITTED, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.stream.connection import Trip
    from superd.front.stream.internal_services import InternalStreams
    from superd.front.stream.passing_on import Waited
    from superd.net.listener import Listener, ListenerSet
    from superd.peer import Peer
    from superd.through import Through
    from superd.verdict import Ask

BATCH = 32
"""Connections taken from one queue before the others are looked at: 8 costs 5 % more, 128 gains nothing (measured)."""


class Arrivals:
    """What the front does with a listener that is ready."""

    def __init__(
        self,
        trip: Trip,
        listeners: ListenerSet,
        internal: InternalStreams,
        on_other: Callable[[Listener, CompiledService], None],
    ) -> None:
        """``on_other`` gets listeners that are not accepted from: datagrams and `wait` services."""
        self._trip = trip
        self._gate, self._book, self._dispatch = trip.gate, trip.book, trip.dispatch
        self._services = trip.in_force.services
        self._clock = trip.clock
        self._listeners = listeners
        self._internal = internal
        self._on_other = on_other
        self._proxied = ProxiedArrivals(trip, self._decide)
        self._descriptors = DescriptorRoom()
        if self._descriptors.small:
            text = (
                f"RLIMIT_NOFILE leaves room for only {counted(self._descriptors.small, 'connection')} at once: "
                "raise LimitNOFILE in superd's unit, or `ulimit -Hn 65536`"
            )
            trip.log.message("warning", text)

    def on_ready(self, listener: Listener) -> None:
        """Take a batch of what waits at the listener."""
        service = self._services.get(listener.name)
        if service is None:
            return
        if service.service.hands_over or listener.address.socket_type is SocketType.DGRAM:
            self._on_other(listener, service)
            return
        for _ in range(BATCH):
            room = self._descriptors
            if room.highest >= room.ceiling and not room.look(listener.fd):
                self._no_room(listener, service)
                return
            if service.carried and self._trip.carriers.hold(listener):
                return
            if service.secure and self._trip.carriers.hold(listener, secure=True):
                return
            try:
                fd, sockaddr = listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in OVERLOAD:
                    self._no_room(listener, service, problem.errno or errno.EMFILE)
                    return
                continue  # the connection was reset, or its network is gone: accept(2) lists a dozen such errors
            room.highest = fd
            peer = peername.remote(sockaddr) if listener.tcp else peername.remote_of_unix(fd)
            if service.proxies is None:
                self._decide(listener, service, fd, peer, None, None)
            else:
                self._proxied.arrive(listener, service, fd, peer)

    def _no_room(self, listener: Listener, service: CompiledService, number: int = errno.EMFILE) -> None:
        """Wait until sessions have ended; without any, nothing would change, and those who come are refused."""
        if len(self._book):
            self._listeners.pause(number)
            return
        for _ in range(BATCH):
            try:
                fd, sockaddr = self._descriptors.accept_to_refuse(listener)
            except OSError:
                return
            peer = peername.remote(sockaddr) if listener.tcp else peername.remote_of_unix(fd)
            let_go(fd)
            self._descriptors.refused()
            detail = "no descriptor is free (RLIMIT_NOFILE)"
            self._book.turned_away(service, peer, Verdict(False, Reason.OVERLOAD, detail=detail))

    def _decide(
        self, listener: Listener, service: CompiledService, fd: int, peer: Peer, server: Peer | None, through: Through | None
    ) -> None:
        """Decide about ``peer``, who connected to ``server`` as a proxy says; without one the socket's own end counts."""
        now = self._clock()
        if service.secure:
            peer = replace(peer, certificate=None)
        if service.waits:
            self._trip.queue.settle(service.name)
        answer = self._gate.first_look(service, peer, lambda: server or listener.local_of(fd), now)
        if service.waits and answer is not ADMITTED and self._waits(listener, service, fd, peer, server, through, answer):
            return
        self._go_on(listener, service, fd, peer, server, through, now, answer)

    def _waits(
        self,
        listener: Listener,
        service: CompiledService,
        fd: int,
        peer: Peer,
        server: Peer | None,
        through: Through | None,
        first: Verdict | Ask,
    ) -> bool:
        """Let a client wait in the queue for which the service has no place now; return whether it does."""
        queue = self._trip.queue
        if queue.must_wait(service, peer, lambda: server or listener.local_of(fd), first) is None:
            return False

        def go_on(current: CompiledService, answer: Verdict | Ask) -> None:
            self._go_on(listener, current, fd, peer, server, through, self._clock(), answer)

        refusal = queue.enter(service, peer, server or listener.local_of(fd), fd, _Waiting(go_on, fd, through))
        if refusal is not None:
            go_on(service, refusal)
        return True

    def take_on(self, waited: Waited) -> None:
        """Let a client go on waiting that waited in the queue of the front before."""
        service, peer, fd, through = self._services.get(waited.service), waited.peer, waited.fd, waited.through
        if service is None:
            let_go(fd)
            self._trip.log.message("notice", f"{peer.address} waited for `{waited.service}`, which was removed: refused")
            return
        if through is not None and not service.announces(through.proxy):
            let_go(fd)
            self._book.turned_away(service, through.proxy, STRANGER)
            return
        if service.secure:
            peer = replace(peer, certificate=None)
        entrance = _Former(fd)

        def go_on(current: CompiledService, answer: Verdict | Ask) -> None:
            self._go_on(entrance, current, fd, peer, waited.server, through, self._clock(), answer)

        refusal = self._trip.queue.enter(service, peer, waited.server, fd, _Waiting(go_on, fd, through), waited.until)
        if refusal is not None:
            go_on(service, refusal)
        else:
            self._trip.queue.freed(service.name)  # a place may have become free since the front before closed

    def _go_on(
        self,
        listener: _Entrance,
        service: CompiledService,
        fd: int,
        peer: Peer,
        server: Peer | None,
        through: Through | None,
        now: float,
        answer: Verdict | Ask,
    ) -> None:
        """Serve, refuse, or let wait for its verdict; ``answer`` is what the gate said at first."""
        if answer is ADMITTED or (type(answer) is Verdict and answer.admit and not answer.steps):
            if service.fast:
                session = self._book.enter(service, peer, now, answer.rule, through)
                self._dispatch.hand_over(session, server or listener.local_of(fd), fd)
                return
            if service.inside:
                session = self._book.enter(service, peer, now, answer.rule, through)
                session.record.local = server or listener.local_of(fd)
                self._internal.serve(session, socket.socket(listener.family, socket.SOCK_STREAM, 0, fd))
                return
        elif type(answer) is Verdict and not answer.admit and not answer.steps and service.closes_at_once:
            # The peer may react by a change of the tables and connect again before this batch has ended.
            self._gate.end_batch()
            let_untouched_go(fd)
            self._book.turned_away(service, peer, answer, through)
            return
        place = self._trip.room.enter(service, peer)
        if place is None:
            let_go(fd)
            self._book.turned_away(service, peer, self._trip.room.overload(answer), through)
            return
        sock = socket.socket(fileno=fd)
        # Entered here, not in the task: else two connections both pass a limit of one.
        session = self._book.enter(service, peer, now, through=through)
        self._trip.start_task(run_session, self._trip, sock, session, place, server or listener.local_of(fd), answer)


class _Waiting:
    """A connection in the queue: it goes on as one that has just arrived, refused with a banner if its service has one."""

    __slots__ = ("_fd", "_go_on", "through")

    def __init__(self, go_on: Callable[[CompiledService, Verdict | Ask], None], fd: int, through: Through | None) -> None:
        self._go_on = go_on
        self._fd = fd
        self.through = through

    def serve(self, service: CompiledService, first: Verdict | Ask) -> None:
        """Go on with what the gate says now."""
        self._go_on(service, first)

    def refuse(self, service: CompiledService, verdict: Verdict) -> None:
        """Refuse the client."""
        self._go_on(service, verdict)

    def passed_on(self) -> None:
        """Close the connection, which another front has, too."""
        let_untouched_go(self._fd)


class _Entrance(Protocol):
    """Where a connection came in: a listener, or the queue of an earlier front."""

    @property
    def family(self) -> int: ...

    def local_of(self, fd: int) -> Peer: ...


class _Former:
    """The queue of an earlier front, as the entrance of one connection."""

    def __init__(self, fd: int) -> None:
        sock = socket.socket(fileno=fd)
        self.family = int(sock.family)
        sock.detach()

    def local_of(self, fd: int) -> Peer:
        """Our end of the connection."""
        return peername.local_of(fd)
