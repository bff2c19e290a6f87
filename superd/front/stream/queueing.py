"""The queue of services with `at_limit = "wait"`: clients above `instances` or `per_source` wait here for a place.

Runs in: the front. Holds the connection of a waiting client, which has no session yet: it is not counted, nothing runs for it.
Decides nothing about a client and starts nothing: the gate decides again when its turn has come. Never waits for a client.
"""

from __future__ import annotations

import heapq
import select
import socket
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Protocol

import trio

from superd.front.stream.passing_on import Waited, pass_on
from superd.net.listener import is_dead
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.occupancy import Source
    from superd.peer import Peer
    from superd.settings import Settings
    from superd.through import Through

_LEFT = select.EPOLLRDHUP | select.EPOLLONESHOT
_STALE = 64
"""Times of clients that have left the queue which may stay in the heap before it is swept."""
_GONE = Verdict(False, Reason.GONE, detail="the client left the queue")
_STOPPED = Verdict(False, Reason.STOPPING, detail="superd stops")
_REMOVED = Verdict(False, Reason.STOPPING, detail="the service was removed")


class Waiter(Protocol):
    """What has a waiting client's connection. One of these methods is called, once; it never waits."""

    @property
    def through(self) -> Through | None:
        """The proxy that announced the client."""

    def serve(self, service: CompiledService, first: Verdict | Ask) -> None:
        """Go on with what the gate says now; a client that it admits is counted before this returns."""

    def refuse(self, service: CompiledService, verdict: Verdict) -> None:
        """Refuse the client; ``service`` is the one that it came to, even when that was removed since."""

    def passed_on(self) -> None:
        """Close the connection, which another front has, too."""


class Ticket:
    """A place in the queue."""

    __slots__ = ("fd", "name", "over", "peer", "server", "service", "source", "until", "waiter")

    def __init__(self, service: CompiledService, peer: Peer, server: Peer, fd: int, waiter: Waiter, until: float) -> None:
        self.service = service
        self.name = service.name
        self.peer = peer
        self.server = server
        self.source = service.access.source_of(peer)
        self.fd = fd
        self.waiter = waiter
        self.until = until
        self.over = False


class _Line:
    """Who waits for one service, by source. The sources take turns; within a source the first comes first."""

    def __init__(self) -> None:
        self.sources: OrderedDict[Source, deque[Ticket]] = OrderedDict()
        self.length = 0

    def add(self, ticket: Ticket) -> None:
        self.sources.setdefault(ticket.source, deque()).append(ticket)
        self.length += 1

    def remove(self, ticket: Ticket) -> None:
        waiting = self.sources[ticket.source]
        waiting.remove(ticket)
        self.length -= 1
        if not waiting:
            del self.sources[ticket.source]

    def last_of_the_longest(self, newcomer: Source) -> Ticket | None:
        """Return who gives its place to a client of ``newcomer``: the last of a source that has at least two more."""
        longest = max(self.sources.values(), key=len)
        own = len(self.sources.get(newcomer, ()))
        return longest[-1] if len(longest) >= own + 2 else None


class WaitingQueue:
    """All lines. ``services`` are those in force; ``flush`` is called after clients were served or refused."""

    def __init__(
        self, services: Mapping[str, CompiledService], gate: Gate, clock: Callable[[], float], flush: Callable[[], None]
    ) -> None:
        self._services = services
        self._gate = gate
        self._clock = clock
        self._flush = flush
        self._lines: dict[str, _Line] = {}
        self._by_fd: dict[int, Ticket] = {}
        self._times: list[tuple[float, int, Ticket]] = []
        self._order = count()
        self._stale = 0
        self._freed: set[str] = set()
        self._changed = trio.Event()
        self._epoll = select.epoll()

    def waiting(self, service: str) -> int:
        """Return how many clients wait for a service."""
        line = self._lines.get(service)
        return line.length if line is not None else 0

    def configure(self, settings: Settings) -> None:
        """Look at every line again: a reload may have changed a limit or removed a service."""
        self._freed.update(self._lines)
        self._changed.set()

    # ------------------------------------------------------------------ in

    def must_wait(self, service: CompiledService, peer: Peer, server: Callable[[], Peer], first: Verdict | Ask) -> Verdict | None:
        """Return the refusal of a client for which the service has no place now, but which may wait; else None.

        ``first`` is what the gate said of it: a client that another rule refuses does not wait.
        """
        full = self._gate.full(service, peer)
        if full is None or (type(first) is Verdict and first.reason is not full.reason):
            return None
        return full if self._gate.tables_refuse(service, peer, server) is None else None

    def enter(
        self, service: CompiledService, peer: Peer, server: Peer, fd: int, waiter: Waiter, until: float | None = None
    ) -> Verdict | None:
        """Let a client wait; None when it has a place, else the refusal. ``fd`` is the waiter's and stays open meanwhile.

        ``until`` is when its time is over; by default it has all of it.
        """
        own = service.service
        ticket = Ticket(service, peer, server, fd, waiter, self._clock() + own.queue_time if until is None else until)
        line = self._lines.setdefault(service.name, _Line())
        if line.length >= own.queue:
            last = line.last_of_the_longest(ticket.source)
            full = Verdict(False, Reason.QUEUE, detail=f"{line.length} clients wait", limit=own.queue, now=line.length)
            if last is None:
                return full
            self._end(last)
            last.waiter.refuse(last.service, full)
        line.add(ticket)
        self._by_fd[fd] = ticket
        self._epoll.register(fd, _LEFT)
        heapq.heappush(self._times, (ticket.until, next(self._order), ticket))
        if self._times[0][2] is ticket:
            self._changed.set()
        return None

    # ------------------------------------------------------------------ out

    def freed(self, service: str) -> None:
        """Note that a session of the service is over. Its place is given away soon, not now: ends can come in rows."""
        if service in self._lines:
            self._freed.add(service)
            self._changed.set()

    def settle(self, service: str) -> None:
        """Give away the places that became free, before a newcomer gets one."""
        if service not in self._freed:
            return
        self._freed.discard(service)
        line = self._lines[service]
        while sources := [source for source in tuple(line.sources) if self._serve_one_of(line, source)]:
            for source in sources:
                if source in line.sources:
                    line.sources.move_to_end(source)

    def _serve_one_of(self, line: _Line, source: Source) -> bool:
        """Let the first client of a source go on, unless there is no place for it. Returns whether one did."""
        ticket = line.sources[source][0]
        service = self._services.get(ticket.name)
        if service is None:
            self._end(ticket)
            ticket.waiter.refuse(ticket.service, _REMOVED)
            return True
        full = self._gate.full(service, ticket.peer)
        first = self._gate.first_look(service, ticket.peer, lambda: ticket.server, self._clock())
        if full is not None and service.waits and (type(first) is not Verdict or first.reason is full.reason):
            return False
        self._end(ticket)
        ticket.waiter.serve(service, first)
        return True

    def close(self) -> None:
        """Refuse all who wait."""
        for ticket in list(self._by_fd.values()):
            self._end(ticket)
            ticket.waiter.refuse(ticket.service, _STOPPED)
        self._flush()

    def pass_on(self, channel: socket.socket) -> None:
        """Send all who wait to the next front; who does not fit is refused."""
        tickets = list(self._by_fd.values())
        clients = [
            Waited(ticket.name, ticket.fd, ticket.peer, ticket.server, ticket.waiter.through, ticket.until) for ticket in tickets
        ]
        refused = frozenset(client.fd for client in pass_on(channel, clients))
        for ticket in tickets:
            self._end(ticket)
            if ticket.fd in refused:
                ticket.waiter.refuse(ticket.service, _STOPPED)
            else:
                ticket.waiter.passed_on()
        self._flush()

    def leave(self, ticket_fd: int) -> None:
        """Take a client out of the queue whose connection its owner is about to close."""
        ticket = self._by_fd.get(ticket_fd)
        if ticket is not None:
            self._end(ticket)

    def _end(self, ticket: Ticket) -> None:
        ticket.over = True
        line = self._lines[ticket.name]
        line.remove(ticket)
        if not line.length:
            del self._lines[ticket.name]
            self._freed.discard(ticket.name)
        del self._by_fd[ticket.fd]
        self._epoll.unregister(ticket.fd)
        self._stale += 1
        if self._stale > len(self._by_fd) + _STALE:
            self._stale = 0
            self._times = [entry for entry in self._times if not entry[2].over]
            heapq.heapify(self._times)

    # ------------------------------------------------------------------ the task

    async def run(self) -> None:
        """Give away places, drop who left and who has waited too long, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            while True:
                self._changed = trio.Event()
                due = self._times[0][0] - self._clock() if self._times else float("inf")
                if not self._freed:
                    with trio.move_on_after(max(0.0, due)):
                        await self._changed.wait()
                self.work()
                await trio.lowlevel.checkpoint()

    def work(self) -> None:
        """Do what is due now."""
        now = self._clock()
        while self._times and (self._times[0][2].over or self._times[0][0] <= now):
            ticket = heapq.heappop(self._times)[2]
            if not ticket.over:
                self._end(ticket)
                limit = ticket.service.service.queue_time
                verdict = Verdict(False, Reason.QUEUE_TIME, detail="its turn did not come in time", limit=limit)
                ticket.waiter.refuse(ticket.service, verdict)
        for name in tuple(self._freed):
            self.settle(name)
        self._flush()

    async def _watch(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            self.drop_who_left()

    def drop_who_left(self) -> None:
        """Refuse clients that reset their connection, or ended their side of it without a byte that could be served."""
        for fd, _ in self._epoll.poll(0):
            ticket = self._by_fd.get(fd)
            if ticket is not None and _left(fd):
                self._end(ticket)
                ticket.waiter.refuse(ticket.service, _GONE)
        self._flush()


def _left(fd: int) -> bool:
    """Whether the client is gone: a request that it sent before it ended its side is still to be answered."""
    sock = socket.socket(fileno=fd)
    try:
        if sock.family is not socket.AF_UNIX and is_dead(sock):
            return True
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.detach()
