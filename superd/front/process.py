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
from superd.ipc import channel as channels
from superd.net.listener import ListenerSet
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.policy.admission import admit
from superd.record import SessionRecord
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.sessions.live import LiveSession
    from superd.log.log import Log
    from superd.peer import Peer

LAST_GRACE = 15.0
"""Seconds that ended sessions get, over their own kill_grace, before superd ends without them."""
COALESCE = 0.001
"""Seconds that the loop stands still at most for a busy launcher: epoll's smallest step."""
ADOPT_SECONDS = 2.0
"""How long a new front waits for launchers to say what runs, before it accepts without knowing."""


class Front:
    """The running front. Owns every mutable thing in it; one thread, so nothing is locked."""

    def __init__(self, order: channels.Apply, fds: list[int], channel: socket.socket, log: Log) -> None:
        self._order = order
        self._fds = fds
        self._channel = channel
        self.log = log
        self.in_force = InForce(order.settings)
        self.counts = Occupancy()
        self.world = World(order.settings)
        self.arrivals = Arrivals(self)
        self.listeners = ListenerSet(self.arrivals.on_ready, self._on_batch_end, self._on_overload, self._on_busy)
        self.deadlines = Deadlines(time.monotonic)
        self.book = SessionBook(log, self.counts, self.deadlines, self.world.sensor, time.monotonic, self._on_crowd_gone)
        self.launches = Launches(self)
        self._stop: channels.Stop | None = None
        assert order.policy is not None
        self.policy = PolicyWatch(order.policy, lambda: self.ask("policy"), self.log.message)
        self.resolver = Resolver()
        self.datagrams = DatagramDesk(self)
        self.nursery: trio.Nursery
        self.in_force.configures((self.world, self.launches, self.resolver))

    # ------------------------------------------------------------------ the loop

    async def run(self) -> int:
        """Serves until the master says stop, or is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is the master's to answer
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._channel.setblocking(False)
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self.launches.begin(nursery)
            self._apply(self._order, self._fds)
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
        reader = channels.OrderReader(self._channel)
        while True:
            await trio.lowlevel.wait_readable(self._channel.fileno())
            try:
                found = reader.read()
            except BlockingIOError:
                continue
            except (EOFError, ConnectionResetError):
                nursery.cancel_scope.cancel()
                return
            if found is None:
                continue
            order, fds = found
            match order:
                case channels.Apply():
                    self._apply(order, fds)
                    if order.policy is not None:
                        nursery.start_soon(self.policy.replace, order.policy)
                    self.ask("applied", number=order.number)
                case channels.PolicyReply():
                    self.launches.take(order.launchers, fds)
                    self.in_force.launcher_for = order.overrides
                    self.policy.answered(order)
                case channels.Pairs():
                    self.launches.take(order.launchers, fds, order.running)
                case channels.Renewed():
                    renewed = socket.socket(fileno=fds[0]) if fds else None
                    self.datagrams.peers.renewed(order.address, renewed, order.failure)
                case channels.Ended():
                    self.launches.orphan_ended(order.pid, order.status)
                case channels.Dump():
                    self._dump()
                case channels.Stop():
                    nursery.start_soon(self._end, order)
            self.log.flush()

    def ask(self, word: str, *, number: int = 0, address: str = "") -> None:
        """Asks the master for something of the closed table."""
        try:
            channels.send_request(self._channel, word, number=number, address=address)
        except OSError:
            pass  # the master is gone: _obey sees the end of the channel

    def _dump(self) -> None:
        try:
            channels.send_dump(self._channel, describe_state(self).encode("utf-8", "backslashreplace"))
        except OSError as problem:
            self.log.message("error", f"the state cannot be written: {problem.strerror}")

    # ------------------------------------------------------------------ a reload

    def _apply(self, order: channels.Apply, fds: list[int]) -> None:
        # No await below: no task sees half a reload.
        launchers_at = len(order.sockets)
        logs_at = launchers_at + len(order.launchers)
        applied = self.in_force.apply(order, [socket.socket(fileno=fd) for fd in fds[:launchers_at]])
        self.launches.take(order.launchers, fds[launchers_at:logs_at], order.running)
        if order.logs is not None:
            self._take_logs(order.logs, fds[logs_at:])
        for listener in applied.opened:
            self.listeners.add(listener)
        for listener in applied.closed:
            self.datagrams.forget(listener)
            self.listeners.remove(listener)

    def _take_logs(self, names: tuple[str, ...], fds: list[int]) -> None:
        for log_type, fd in zip(names, fds, strict=True):
            self.log.attach_file(log_type, fd)
        # A session writes its last line where it wrote its first.
        self.log.keep_files({*names, *(session.record.service.log_type for session in self.book)})

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

    async def _end(self, order: channels.Stop) -> None:
        """Stops accepting; lets sessions end, or ends them; then the process ends."""
        first = self._stop is None
        self._stop = order
        if first:
            self.listeners.close()
            self.in_force.listeners.clear()
        if order.end:
            with trio.move_on_after(order.grace):
                await self.book.wait_empty()
            if len(self.book):
                self.book.end_all()
                with trio.move_on_after(LAST_GRACE):
                    await self.book.wait_empty()
        self.log.message("notice", "stopped")
        self.log.flush()
        self.ask("stopped")
        self.nursery.cancel_scope.cancel()
