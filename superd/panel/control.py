"""The control socket's connections: who may connect, how many, and what their calls are answered.

Runs in: panel. Never: lets one client's silence, flood or slow reading cost another more than its share.
"""

from __future__ import annotations

import heapq
import select
import socket
from collections.abc import Callable
from itertools import count
from typing import Any

from superd.operators import Operators
from superd.panel.connection import MAX_OUT, Connection
from superd.panel.links import FrontLink, MasterLink
from superd.panel.methods import find_method
from superd.panel.steps import Method, Pause, Refusal, Reply, Step, ToMaster
from superd.system.peer_credentials import credentials_of
from superd.wire.varlink import FramingError, MethodCall, encode_error, encode_reply, parse_call

MOST = 96
"""Connections at once; a third of them is kept for root."""
FOR_ROOT = 32
MOST_OF_ONE = 16
"""Connections of one user who is not root."""
ACCEPTS = 32
"""Connections that are accepted between two looks at the others."""
SILENCE = 60.0
"""Seconds that a client may leave between two calls."""
PATIENCE = 15.0
"""Seconds that a client has to complete a message, or to read some of an answer."""
INTERFACE = "superd.Control"
_READ, _WRITE, _GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR


class _Running:
    """A call that goes on."""

    __slots__ = ("call", "held", "method")

    def __init__(self, call: MethodCall, method: Method) -> None:
        self.call = call
        self.method = method
        self.held = False
        """Whether it waits until the client has read."""


class Control:
    """All connections. ``operators`` is set by the master's first message, before there is a listener."""

    def __init__(self, epoll: select.epoll, front: FrontLink, master: MasterLink, clock: Callable[[], float]) -> None:
        self.operators = Operators()
        self.connections: dict[int, Connection] = {}
        self._epoll = epoll
        self._front = front
        self._master = master
        self._clock = clock
        self._running: dict[Connection, _Running] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    @property
    def accepts(self) -> bool:
        """Whether there is room for a connection."""
        return len(self.connections) < MOST

    def due(self) -> float | None:
        """Return when ``on_time`` has something to do."""
        moments = [connection.deadline for connection in self.connections.values()]
        if self._timers:
            moments.append(self._timers[0][0])
        return min(moments, default=None)

    def on_time(self, now: float) -> None:
        """Go on with calls that paused, and close what has been silent for too long."""
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        for connection in [found for found in self.connections.values() if found.deadline <= now]:
            self._close(connection)

    # ------------------------------------------------------------------ connections

    def accept(self, listener: socket.socket, now: float) -> None:
        """Accept what waits, and refuse who may not look or has too many connections."""
        for _ in range(ACCEPTS):
            if not self.accepts:
                return
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                continue
            try:
                _, uid, gids = credentials_of(sock)
            except OSError:
                sock.close()
                continue
            look, change = self.operators.may_look(uid, gids), self.operators.may_change(uid, gids)
            connection = Connection(sock, uid, may_look=look, may_change=change, deadline=now + PATIENCE)
            self.connections[sock.fileno()] = connection
            of_user = sum(other.uid == uid for other in self.connections.values())
            if uid != 0 and (of_user > MOST_OF_ONE or len(self.connections) > MOST - FOR_ROOT):
                self._refuse(connection, "Busy", text="there are too many connections")
                continue
            self._watch(connection)

    def on_event(self, fd: int, events: int, now: float) -> None:
        """A client sent something, reads again or is gone."""
        connection = self.connections.get(fd)
        if connection is None:
            return
        try:
            if events & _WRITE:
                connection.flush()
                connection.deadline = now + PATIENCE
                self._go_on_after_reading(connection)
            if events & _GONE:
                self._close(connection)  # with its end it takes back what it asked for
                return
            if events & _READ and not connection.receive():
                connection.ended = True
        except OSError:
            self._close(connection)
            return
        self._next_call(connection, now)
        if fd in self.connections:
            self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        over = connection.closing or (connection.ended and connection not in self._running)
        if over and not connection.waiting_bytes:
            self._close(connection)
        elif connection.sock.fileno() in self.connections:
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        reads = not (connection.full or connection.closing or connection.ended)
        wanted = (_WRITE if connection.waiting_bytes else 0) | (_READ if reads else 0)
        if wanted != connection.interest:
            change = self._epoll.modify if connection.interest or connection.watched else self._epoll.register
            change(connection.sock, wanted)
            connection.interest, connection.watched = wanted, True

    def _close(self, connection: Connection) -> None:
        running = self._running.pop(connection, None)
        if running is not None:
            running.method.close()
        del self.connections[connection.sock.fileno()]
        if connection.watched:
            self._epoll.unregister(connection.sock)
        connection.sock.close()

    def _send(self, connection: Connection, data: bytes) -> None:
        try:
            connection.send(data)
        except OSError:
            connection.closing, connection.waiting_bytes = True, 0

    def _refuse(self, connection: Connection, error: str, **parameters: Any) -> None:
        """Answer with an error and close the connection."""
        self._send(connection, encode_error(f"{INTERFACE}.{error}", parameters))
        connection.closing = True
        self._settle(connection)

    # ------------------------------------------------------------------ calls

    def _next_call(self, connection: Connection, now: float) -> None:
        """Begin the next call of a connection that has none."""
        while connection not in self._running and not connection.closing and connection.waiting_bytes < MAX_OUT:
            try:
                data = connection.message()
                call = parse_call(data) if data is not None else None
            except (ValueError, FramingError) as problem:
                self._refuse(connection, "Malformed", text=str(problem))
                return
            if call is None:
                connection.deadline = now + (PATIENCE if connection.begun or connection.waiting_bytes else SILENCE)
                return
            self._begin(connection, call)

    def _begin(self, connection: Connection, call: MethodCall) -> None:
        if not connection.may_look:
            self._refuse(connection, "PermissionDenied", text="your user may not use this socket")
            return
        try:
            method = find_method(call, connection.uid, may_change=connection.may_change)
        except Refusal as refusal:
            self._fail(connection, call, refusal)
            return
        running = self._running[connection] = _Running(call, method)
        connection.deadline = float("inf")
        self._advance(connection, running, None)

    def _fail(self, connection: Connection, call: MethodCall, refusal: Refusal) -> None:
        if not call.oneway:
            name = refusal.error if "." in refusal.error else f"{INTERFACE}.{refusal.error}"
            self._send(connection, encode_error(name, refusal.parameters))

    def _advance(self, connection: Connection, running: _Running, result: Any) -> None:
        """Give a running call the result of its last step, and carry out the next."""
        if self._running.get(connection) is not running:
            return  # its client is gone
        method = running.method
        try:
            step = method.throw(result) if isinstance(result, Refusal) else method.send(result)
        except StopIteration as end:
            if not running.call.oneway:
                self._send(connection, encode_reply(end.value))
        except Refusal as refusal:
            self._fail(connection, running.call, refusal)
        else:
            self._carry_out(connection, running, step)
            return
        del self._running[connection]
        now = self._clock()
        connection.deadline = now + PATIENCE
        self._next_call(connection, now)
        self._settle(connection)

    def _carry_out(self, connection: Connection, running: _Running, step: Step) -> None:
        def resume(result: Any) -> None:
            self._later(0.0, lambda: self._advance(connection, running, result))

        match step:
            case Reply():
                if not running.call.oneway:
                    self._send(connection, encode_reply(step.parameters, continues=True))
                if connection.closing or connection.waiting_bytes >= MAX_OUT:
                    running.held = True
                    connection.deadline = self._clock() + PATIENCE
                else:
                    resume(None)
                self._settle(connection)
            case Pause():
                self._later(step.seconds, lambda: self._advance(connection, running, None))
            case ToMaster():
                self._master.ask(step, connection.sock, resume)
            case _:
                self._front.ask(step, resume)

    def _go_on_after_reading(self, connection: Connection) -> None:
        running = self._running.get(connection)
        if running is not None and running.held and connection.waiting_bytes < MAX_OUT:
            running.held = False
            connection.deadline = float("inf")
            self._later(0.0, lambda: self._advance(connection, running, None))

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self._clock() + seconds, next(self._order), then))
