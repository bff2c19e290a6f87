"""Datagram programs with ``wait = false``: each peer gets a program of its own, with a socket that is connected to it.

The kernel cannot move a datagram from one queue to another, so the listening socket itself, with the first datagram in
it, becomes the program's, and the master binds another in its place (busybox's way). The order loses nothing: the new
one is bound first, then the old one is connected; at no moment is there no socket for another peer's datagram. What
others sent into the old one before is taken out, and each gets its turn: their datagrams are put into later sockets
from a socket of ours (``feeder``), since only root can send under another's address.

A program never finds a stranger's datagram in its socket: ``connect`` alone would leave those there that had come before
it, past only_from and the wrappers.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from superd.front.sessions.live import Refused
from superd.net import peername, udp
from superd.system.closing import let_socket_go
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.address import BindAddress
    from superd.front.datagram.verdicts import DatagramVerdicts
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.front.handing_over import HandsOver, StartTask
    from superd.front.sessions.book import SessionBook
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener, ListenerSet

BATCH = 64
"""Datagrams refused in one pass before others are looked at."""
MAX_PENDING = 512
"""Datagrams kept for their turn; what comes on top is lost, as in a socket whose buffer is full."""
TRIES = 4
"""So often a stranger's datagram may slip in between two system calls."""


class _Turn:
    """A listener, what waits for its turn, and the session that waits for the new socket."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.pending: deque[tuple[bytes, Any]] = deque()
        self.session: LiveSession | None = None
        self.sender: Any = None


class PeerPrograms:
    """All such listeners of the front."""

    def __init__(
        self,
        verdicts: DatagramVerdicts,
        gate: Gate,
        book: SessionBook,
        dispatch: HandsOver,
        listeners: ListenerSet,
        services: Mapping[str, CompiledService],
        renew: Callable[[BindAddress], None],
        start_task: StartTask,
        clock: Callable[[], float],
    ) -> None:
        """``renew`` asks the master for another socket at an address; ``renewed`` gets the answer."""
        self._verdicts = verdicts
        self._gate = gate
        self._book = book
        self._dispatch = dispatch
        self._listeners = listeners
        self._services = services
        self._renew = renew
        self._start_task = start_task
        self._clock = clock
        self._turns: dict[BindAddress, _Turn] = {}

    def on_ready(self, listener: Listener, service: CompiledService) -> None:
        """Decide about what waits in the listener's queue, or for its turn."""
        turn = self._turns.get(listener.address)
        if turn is None or turn.listener is not listener:
            turn = self._turns[listener.address] = _Turn(listener)
        own = self._gate.own_rules(service)
        for _ in range(BATCH):
            if turn.pending:
                sender = turn.pending[0][1]
            else:
                found = udp.first(listener.sock)
                if found is None:
                    return
                sender = found[1]
            peer = peername.remote(sender)
            verdict = self._verdicts.check(service, peer, listener, own)
            if verdict.admit:
                turn.session, turn.sender = self._book.enter(service, peer, self._clock()), sender
                self._listeners.ignore(listener)
                self._renew(listener.address)
                return
            self._verdicts.refused(service, peer, verdict)
            self._drop_first(turn)

    def _drop_first(self, turn: _Turn) -> None:
        if turn.pending:
            turn.pending.popleft()
        else:
            udp.drop_first(turn.listener.sock)

    def renewed(self, address: str, sock: socket.socket | None, failure: str) -> None:
        """The master has bound another socket at ``address`` (``sock`` is this object's), or could not."""
        turn = next((turn for turn in self._turns.values() if turn.listener.address.describe() == address), None)
        if turn is None or turn.session is None or turn.listener.sock.fileno() < 0:
            if sock is not None:
                let_socket_go(sock)  # a reload has closed the address meanwhile
            return
        session, turn.session = turn.session, None
        listener = turn.listener
        if sock is None:
            self._drop_first(turn)
            self._book.over(session, Refused(Verdict(False, Reason.LAUNCH, detail=f"no socket for the next peer: {failure}")))
        else:
            old = self._listeners.replace(listener, sock)
            self._give(old, turn, session)
        state = self._services.get(listener.name)
        if turn.pending and state is not None:
            self.on_ready(listener, state)
        if turn.session is None:
            self._listeners.watch(listener)
            # What was refused in one pass and left over is looked at with the next datagram at the latest.

    def _give(self, sock: socket.socket, turn: _Turn, session: LiveSession) -> None:
        try:
            feeder = self._claim(sock, turn)
            local = peername.local(sock.getsockname()[:2])
        except OSError as problem:
            let_socket_go(sock)
            self._book.over(
                session, Refused(Verdict(False, Reason.LAUNCH, detail=f"no socket for this peer: {problem.strerror}"))
            )
            return
        if feeder is not None:
            scope = trio.CancelScope()
            session.when_over(lambda _session: scope.cancel())
            self._start_task(_carry, feeder, turn.listener, turn.sender, scope)
        self._dispatch.hand_over(session, local, sock.detach())
        self._dispatch.flush()

    def _claim(self, sock: socket.socket, turn: _Turn) -> socket.socket | None:
        """Connects ``sock`` to the turn's peer, with its datagrams and no others in the queue.

        Returns the socket they were put in from, or ``None`` when they came by themselves. Raises ``OSError``.
        """
        sender = turn.sender
        if not turn.pending:
            sock.connect(sender)
            if all(found == sender for found in udp.senders(sock, MAX_PENDING)):
                return None
            udp.disconnect(sock)
        feeder = udp.feeder(sock)
        try:
            for _ in range(TRIES):
                turn.pending.extend(udp.drain(sock)[: MAX_PENDING - len(turn.pending)])
                for payload in [payload for payload, whose in turn.pending if whose == sender]:
                    feeder.send(payload)
                turn.pending = deque(item for item in turn.pending if item[1] != sender)
                udp.disconnect(sock)
                sock.connect(sender)
                if all(found in (sender, feeder.getsockname()) for found in udp.senders(sock, MAX_PENDING)):
                    return feeder
            raise BlockingIOError(0, "other peers' datagrams keep coming in")
        except OSError:
            let_socket_go(feeder)
            raise

    def forget(self, listener: Listener) -> None:
        """The listener is closed."""
        turn = self._turns.get(listener.address)
        if turn is not None and turn.listener is listener:
            del self._turns[listener.address]
            if turn.session is not None:
                self._book.over(turn.session, Refused(Verdict(False, Reason.STOPPING, detail="the address was closed")))


async def _carry(feeder: socket.socket, listener: Listener, peer: Any, scope: trio.CancelScope) -> None:
    """Passes on what a program sends to the address that recvfrom(2) named: our own socket, for a datagram that we put in.

    Through the listener, not a copy of the program's socket: that would go on hearing the peer when the program has ended.
    """
    with feeder:
        with scope:
            while True:
                await trio.lowlevel.wait_readable(feeder)
                _pass_on(feeder, listener, peer)
        # The news of a program's end can overtake what it said last.
        _pass_on(feeder, listener, peer)


def _pass_on(feeder: socket.socket, listener: Listener, peer: Any) -> None:
    for _ in range(MAX_PENDING):  # more than a buffer holds: a program that never stops leaves the loop its turn
        try:
            payload = feeder.recv(udp.MAX_DATAGRAM)
        except ConnectionRefusedError:
            continue  # its program has closed its socket; the kernel says so once, before what was sent earlier
        except OSError:
            return
        with contextlib.suppress(OSError):  # the peer refuses it, or its buffer is full; UDP promises nothing
            listener.sock.sendto(payload, socket.MSG_DONTWAIT, peer)
