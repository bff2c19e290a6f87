"""`wait` services: one program at a time gets the listening socket itself, and the front does not read from it meanwhile.

Runs in: the front. What waits in the socket's queue is never drained, the next program gets it. A program that keeps ending
without reading is started ever more seldom.

A program shares the socket's description with the front, and a child of it may keep it for good: it can make it blocking, set
SO_PEEK_OFF, or take datagrams away between two calls. So each call here says MSG_DONTWAIT, undoes SO_PEEK_OFF and expects to
find nothing; a socket that says "ready" and then gives nothing is left alone for a while. A fresh socket would not help: the
child's is bound to the same port and would get a part of the datagrams. Connections are never accepted from a socket that a
program has had, since accept(2) has no such flag; when a reload makes its service a `nowait` one, the master binds a fresh one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.address import SocketType
from superd.front.datagram.verdicts import peer_of
from superd.net import peername, udp
from superd.peer import Peer
from superd.system.closing import let_go
from superd.verdict import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.front.datagram.verdicts import DatagramLog, DatagramVerdicts
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.front.handing_over import HandsOver, StartTask
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener, ListenerSet

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds a `wait` service rests when its program ended at once; doubles from the first to the last."""
POLICY_PAUSE = 0.05
"""Seconds that a `wait` service rests while changed tables are read, which takes 20 ms for tables of the usual length."""
BATCH = 64
"""Connections refused in one pass before others are looked at."""
EMPTY_PAUSE = 0.1
"""Seconds a socket rests that said "ready" and gave nothing, twice in a row."""
QUICK = 1.0
"""A program that lived less long than this, with the same datagram still waiting, has not read it."""
DROP_AFTER = 3
"""Programs that may leave one datagram unread; then it is thrown away, or it would block the others for ever."""


class _Queue:
    """What is remembered of one listener: its programs that ended at once, and the datagram they left."""

    def __init__(self) -> None:
        self.quick = 0
        self.head = b""
        self.empty = 0
        """Times in a row that it said "ready" and gave nothing."""


class WaitPrograms:
    """All such listeners of the front."""

    def __init__(
        self,
        verdicts: DatagramVerdicts,
        gate: Gate,
        book: SessionBook,
        dispatch: HandsOver,
        listeners: ListenerSet,
        log: DatagramLog,
        start_task: StartTask,
        clock: Callable[[], float],
    ) -> None:
        self._verdicts = verdicts
        self._gate = gate
        self._book = book
        self._dispatch = dispatch
        self._listeners = listeners
        self._log = log
        self._start_task = start_task
        self._clock = clock
        self._queues: dict[Listener, _Queue] = {}
        self._shared: set[Listener] = set()
        """Listeners that a program has had."""

    def on_ready(self, listener: Listener, service: CompiledService) -> None:
        """Start the program for what waits in the listener's queue."""
        peer: Peer | None = None
        if listener.address.socket_type is SocketType.DGRAM:
            queue = self._queues.setdefault(listener, _Queue())
            found = udp.first(listener.sock)
            if found is None:
                queue.empty += 1
                if queue.empty > 1:
                    self._rest(listener, EMPTY_PAUSE)
                return
            queue.empty = 0
            head, sender = found
            peer = peer_of(sender)
            if self._unread(listener, queue, head + repr(sender).encode()):
                return
            verdict = self._verdicts.check(service, peer, listener, self._gate.sender_rules(service))
            if not verdict.admit:
                udp.drop_first(listener.sock)
                self._verdicts.refused(service, peer, verdict)
                return
        elif self._refuse_unseen(listener, service):
            return
        # Load, hours and limits are not the sender's fault: the one who waits is served when they are over.
        limits = self._gate.limits(service)
        if not limits.admit:
            self._log.message("warning", f"its program is not started yet, and clients wait: {limits.why()}", service.name)
            self._rest(listener, FIRST_PAUSE)
            return
        self._listeners.ignore(listener)
        session = self._book.enter(service, peer, self._clock())
        self._free_at_end(session, listener)
        self._dispatch.hand_over(session, Peer("", 0, 0, listener.address.port), os.dup(listener.fd))

    def adopt(self, session: LiveSession, listeners: Iterable[Listener]) -> None:
        """Leave a listening socket to the program of an earlier front that has it: which, if there are many, is not known."""
        for listener in listeners:
            if listener.name == session.service.name and not listener.ignored:
                self._listeners.ignore(listener)
                self._free_at_end(session, listener)
                return

    def shared(self, listener: Listener) -> None:
        """Note that an earlier program may have had this listener."""
        self._shared.add(listener)

    def forget(self, listener: Listener) -> None:
        """Forget a listener that is closed."""
        self._queues.pop(listener, None)
        self._shared.discard(listener)

    def _free_at_end(self, session: LiveSession, listener: Listener) -> None:
        self._shared.add(listener)
        session.when_over(lambda over: self._ended(listener, over.record.seconds))

    def _ended(self, listener: Listener, seconds: float) -> None:
        """Wait for the listener again after its program has ended, after a rest if that ended at once."""
        if listener.sock.fileno() < 0:
            return
        queue = self._queues.setdefault(listener, _Queue())
        queue.quick = queue.quick + 1 if seconds < QUICK else 0
        if queue.quick > 1:
            self._rest(listener, _pause(queue.quick - 1))
        else:
            self._listeners.watch(listener)

    def _refuse_unseen(self, listener: Listener, service: CompiledService) -> bool:
        """Whether the rules keep this service closed: its program would accept clients that no rule was asked about."""
        verdict = self._gate.unseen(service)
        if isinstance(verdict, Ask):
            # A program lives long: the first client after a change waits for the new tables.
            self._rest(listener, POLICY_PAUSE)
            return True
        if verdict.admit:
            return False
        if listener in self._shared:
            # accept(2) has no MSG_DONTWAIT: a child of the last program could let it block. These clients wait in the queue.
            self._log.message("warning", f"its program is not started, and clients wait: {verdict.why()}", service.name)
            self._rest(listener, LAST_PAUSE)
            return True
        for _ in range(BATCH):
            try:
                fd, sockaddr = listener.accept()
            except OSError:
                break
            peer = peername.remote(sockaddr) if listener.tcp else peername.remote_of_unix(fd)
            let_go(fd)
            self._book.turned_away(service, peer, verdict)
        return True

    def _unread(self, listener: Listener, queue: _Queue, head: bytes) -> bool:
        """Whether this datagram was left unread by so many programs that it is dropped now."""
        if queue.head == head and queue.quick >= DROP_AFTER:
            udp.drop_first(listener.sock)
            self._queues.pop(listener)
            self._log.message("error", f"dropped a datagram that {queue.quick} programs in turn did not read", listener.name)
            return True
        queue.quick = queue.quick if queue.head == head else 0
        queue.head = head
        return False

    def _rest(self, listener: Listener, seconds: float) -> None:
        self._listeners.ignore(listener)
        self._start_task(self._wake, listener, seconds)

    async def _wake(self, listener: Listener, seconds: float) -> None:
        await trio.sleep(seconds)
        if listener.sock.fileno() >= 0:
            self._listeners.watch(listener)


def _pause(times: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** (times - 1), LAST_PAUSE)
