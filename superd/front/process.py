"""The front: the unprivileged process that accepts, admits, decides and hands over. Launches nothing itself.

This is the process's hub: orders of the master, what lives, time, the end. A connection's own trip is in ``arrivals.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import trio

from superd.front.datagram.desk import DatagramDesk
from superd.front.gate.conditions import World
from superd.front.gate.policy_watch import PolicyWatch
from superd.front.in_force import InForce
from superd.front.memory import tidy
from superd.front.programs.launches import Launches
from superd.front.sessions.book import SessionBook
from superd.front.sessions.deadlines import Deadlines
from superd.front.sessions.status import describe_state
from superd.front.stream.arrivals import Arrivals
from superd.ipc import front_orders, front_requests
from superd.log.event import Kind
from superd.log_target import FileTarget
from superd.net.listener import ListenerSet
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.policy.admission import admit
from superd.record import SessionRecord, first_number
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.live import LiveSession
    from superd.log.log import Log
    from superd.peer import Peer

COALESCE = 0.001
"""Seconds that the loop stands still at most for a busy launcher: epoll's smallest step."""
ADOPT_SECONDS = 2.0
"""How long a new front waits for launchers to say what runs, before it accepts without knowing."""


class Front:
    """The running front. Owns every mutable thing in it; one thread, so nothing is locked."""

    def __init__(self, order: front_orders.Begin, channel: socket.socket, log: Log) -> None:
        self._order = order
        self._channel = channel
        self._requests = front_requests.RequestWriter(channel)
        self._sending = False
        self.log = log
        self.in_force = InForce(order.first.settings)
        self.counts = Occupancy()
        self.world = World(order.first.settings)
        self.arrivals = Arrivals(self)
        self.listeners = ListenerSet(self.arrivals.on_ready, self._on_batch_end, self._on_overload, self._on_busy)
        self.deadlines = Deadlines(time.monotonic)
        first = first_number(time.time())  # noqa: TID251 - a name for people, and no limit depends on it
        self.book = SessionBook(log, self.counts, self.deadlines, self.world.sensor, time.monotonic, self._on_crowd_gone, first)
        self.launches = Launches(self)
        self.policy = PolicyWatch(order.policy, lambda: self.ask("policy"), self.log.message)
        self.resolver = Resolver()
        self.datagrams = DatagramDesk(self)
        self.nursery: trio.Nursery
        self.in_force.configures((self.world, self.launches, self.resolver, self.log))

    # ------------------------------------------------------------------ the loop

    async def run(self) -> int:
        """Serves until the master says stop, or is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is the master's to answer
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._channel.setblocking(False)
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self.launches.begin(nursery)
            self._apply(self._order.first, self._order.running)
            nursery.start_soon(self.log.run)
            nursery.start_soon(self._accept)
            nursery.start_soon(self.launches.run)
            nursery.start_soon(self.deadlines.run)
            self.ask("ready")
            await self._obey(nursery)
        self.log.close()
        return 0

    async def _accept(self) -> None:
        # What an earlier front started counts: limits would let too many in before launchers have said what lives.
        with trio.move_on_after(ADOPT_SECONDS):
            await self.launches.adopted()
        await self.listeners.run()

    async def _obey(self, nursery: trio.Nursery) -> None:
        reader = front_orders.OrderReader(self._channel)
        while True:
            await trio.lowlevel.wait_readable(self._channel.fileno())
            try:
                order = reader.read()
            except BlockingIOError:
                continue
            except (EOFError, ConnectionResetError):
                nursery.cancel_scope.cancel()
                return
            match order:
                case None:
                    continue
                case front_orders.Ping():
                    self.ask("alive", number=order.number)
                case front_orders.Change():
                    self._apply(order)
                    if order.policy is not None:
                        nursery.start_soon(self.policy.replace, order.policy)
                    self.ask("applied", number=order.number)
                case front_orders.LogFiles():
                    self._take_logs(order.logs)
                case front_orders.PolicyReply():
                    self.launches.take(order.launchers)
                    self.in_force.launcher_for = order.launching.launcher_for
                    self.policy.answered(order)
                case front_orders.Pairs():
                    self.launches.take(order.launchers, order.running)
                case front_orders.Renewed():
                    renewed = socket.socket(fileno=order.socket) if order.socket is not None else None
                    self.datagrams.peers.renewed(order.address, renewed, order.failure)
                case front_orders.Ended():
                    self.launches.orphan_ended(order.pid, order.status)
                case front_orders.Dump():
                    self._dump(order.memory)
                case front_orders.Stop():
                    nursery.start_soon(self._end, order)
            self.log.flush()

    def ask(self, word: str, *, number: int = 0, address: str = "") -> None:
        """Send the master a request of the closed table; what the channel does not take now is sent when it does."""
        try:
            if not self._requests.send(word, number=number, address=address) and not self._sending:
                self._sending = True
                self.nursery.start_soon(self._send_rest)
        except OSError:
            pass  # the master is gone: _obey sees the end of the channel

    async def _send_rest(self) -> None:
        try:
            while not self._requests.flush():
                await trio.lowlevel.wait_writable(self._channel.fileno())
        except OSError:
            pass  # as above
        finally:
            self._sending = False

    def _dump(self, memory: int) -> None:
        text = describe_state(self).encode("utf-8", "backslashreplace")[: front_requests.MAX_DUMP]
        with open(memory, "wb") as file:
            try:
                file.write(text)
                file.flush()
            except OSError as problem:
                self.log.message("error", f"the state cannot be written: {problem.strerror}")
                return
        self.ask("dump", number=len(text))

    # ------------------------------------------------------------------ a reload

    def _apply(self, order: front_orders.Change, running: frozenset[int] = frozenset()) -> None:
        # No await below: no task sees half a reload.
        applied = self.in_force.apply(order, [socket.socket(fileno=fd) for fd in order.sockets.values()])
        self.launches.take(order.launchers, running)
        if order.logs is not None:
            self._take_logs(order.logs)
        for listener in applied.opened:
            self.listeners.add(listener)
        for listener in applied.closed:
            self.datagrams.forget(listener)
            self.listeners.remove(listener)

    def _take_logs(self, logs: dict[FileTarget, front_orders.Fd]) -> None:
        for target, fd in logs.items():
            self.log.attach_file(target, fd)
        # A session writes its last line where it wrote its first.
        used = (session.record.service.log_type for session in self.book)
        self.log.keep_files({*logs, *(target for target in used if isinstance(target, FileTarget))})

    # ------------------------------------------------------------------ sessions

    def _on_crowd_gone(self) -> None:
        self.nursery.start_soon(tidy)

    def _on_batch_end(self) -> None:
        self.arrivals.end_batch()
        self.launches.flush()
        self.log.flush()

    def _on_busy(self) -> bool:
        """Between two batches: whether launchers are so busy that the next connections are better taken together.

        They wait at most COALESCE, in which time a launcher starts a handful of programs. Without this the front wakes for
        each connection, and costs more than the program's start.
        """
        return self.launches.busy and self.launches.poll(COALESCE)

    def _on_overload(self, number: int) -> None:
        self.log.message("error", f"accepting pauses until there is room: {os.strerror(number)}")
        self.log.flush()

    # ------------------------------------------------------------------ what sessions ask

    def admit_again(self, session: LiveSession, peer: Peer) -> Verdict | Ask | None:
        """Admission once more, now that the peer's name is known; the session itself does not count meanwhile."""
        service = self.in_force.services.get(session.service.name)
        if service is None:
            return Verdict(False, Reason.STOPPING, detail="the service was removed")
        self.counts.leave(service.name, session.source)
        answer = admit(service.access, peer, self.counts, time.monotonic(), self.world)
        self.counts.enter(service.name, session.source)
        return answer

    def refresh_policy(self) -> None:
        """Reads the policy again in the background. Once: a flood of datagrams asks for it while a long list is read."""
        if not self.policy.reading:
            self.nursery.start_soon(self.policy.fresh)

    def look_up(self, address: str) -> None:
        """Finds a name out in the background, for the next datagram of the same sender."""
        if self.arrivals.undecided < self.in_force.settings.undecided:
            self.nursery.start_soon(self.resolver.name_of, address)

    def refuse_datagram(self, state: CompiledService, peer: Peer, verdict: Verdict) -> None:
        """One datagram is not answered. A flood of them is one line in a while."""
        if state.service.log_style == "xinetd":
            self.log.datagram(SessionRecord(0, state.service, peer, time.monotonic()), verdict)
            return
        self.log.message("warning", f"datagram from {peer.address} refused: {verdict.why()}", state.name)

    # ------------------------------------------------------------------ the end

    async def _end(self, order: front_orders.Stop) -> None:
        """Let sessions end, or end them; then end. Accepts until the grace is over, so that a restart loses less."""
        if order.end:
            with trio.move_on_after(order.grace):
                await self.book.wait_empty()
        self.listeners.close()
        self.in_force.listeners.clear()
        if order.end and len(self.book):
            self.book.end_all()
            with trio.move_on_after(front_orders.LAST_GRACE):
                await self.book.wait_empty()
        self.log.message("notice", "stopped", kind=Kind.STOPPED)
        self.log.flush()
        self.ask("stopped")
        self.nursery.cancel_scope.cancel()
