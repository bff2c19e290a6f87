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

from superd.address import SocketType
from superd.front.datagram.desk import DatagramDesk
from superd.front.gate.compiled_service import ServiceState
from superd.front.gate.conditions import World
from superd.front.gate.policy_watch import PolicyWatch
from superd.front.memory import tidy
from superd.front.programs.launches import Launches
from superd.front.sessions.deadlines import Sessions
from superd.front.sessions.status import describe_state
from superd.front.stream.arrivals import Arrivals
from superd.ipc import channel as channels
from superd.net.listener import Listener, ListenerSet
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.peer import Peer
from superd.policy.admission import admit
from superd.record import SessionRecord
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.log.log import Log
    from superd.service import Service

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
        self.settings = order.settings
        self.counts = Occupancy()
        self.world = World(order.settings)
        self.states: dict[str, ServiceState] = {}
        self.arrivals = Arrivals(self)
        self.listeners = ListenerSet(self.arrivals.on_ready, self._on_batch_end, self._on_overload, self._on_busy)
        self._by_address: dict[BindAddress, Listener] = {}
        self.launches = Launches(self)
        self.sessions = Sessions(self.launches.send_signal)
        self._stop: channels.Stop | None = None
        self._timers: trio.Event
        self._quit: trio.Event
        self._datagram_ports: frozenset[int] = frozenset()
        assert order.policy is not None
        self.policy = PolicyWatch(order.policy, lambda: self.ask("policy"), self.log.message)
        policy = order.settings.policy
        # A little less than a decision has, so that its answer (not unknown, but not confirmed: paranoid) still counts.
        self.resolver = Resolver(deadline=0.9 * policy.decide_timeout, at_once=policy.lookups_at_once)
        self.datagrams = DatagramDesk(self)
        self.nursery: trio.Nursery

    # ------------------------------------------------------------------ the loop

    async def run(self) -> int:
        """Serves until the master says stop, or is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is the master's to answer
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._channel.setblocking(False)
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self._timers, self._quit = trio.Event(), trio.Event()
            self.launches.begin(nursery, self.settings.policy.hooks_at_once)
            self._apply(self._order, self._fds)
            nursery.start_soon(self.log.run)
            nursery.start_soon(self._accept)
            nursery.start_soon(self.launches.run)
            nursery.start_soon(self._keep_time)
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
                    self.launches.overrides = order.overrides
                    self.policy.answered(order)
                case channels.Pairs():
                    self.launches.take(order.launchers, fds)
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
        # No await below: nobody sees half a reload.
        self.settings = self.world.settings = order.settings
        self.launches.profiles, self.launches.overrides = order.profiles, order.overrides
        self.launches.hook_profile = order.hook_profile
        launchers_at = len(order.sockets)
        logs_at = launchers_at + len(order.launchers)
        listener_fds, log_fds = fds[:launchers_at], fds[logs_at:]
        self.launches.take(order.launchers, fds[launchers_at:logs_at], order.running)
        if order.logs is not None:
            self._take_logs(order.logs, log_fds)
        for name in order.removed:
            self.states.pop(name, None)
        for name, service in order.services.items():
            self.states[name] = ServiceState(service, self.states.get(name))
        for address, fd in zip(order.sockets, listener_fds, strict=True):
            sock = socket.socket(fileno=fd)
            sock.setblocking(False)
            listener = Listener(address, order.listeners[address], sock)
            self._by_address[address] = listener
            self.listeners.add(listener)
        for address, name in order.listeners.items():
            known = self._by_address.get(address)
            if known is not None:
                known.name = name
        for address in order.closed:
            closed = self._by_address.pop(address, None)
            if closed is not None:
                self.datagrams.forget(closed)
                self.listeners.remove(closed)
        self._datagram_ports = frozenset(address.port for address in self._by_address if address.socket_type is SocketType.DGRAM)

    def _take_logs(self, names: tuple[str, ...], fds: list[int]) -> None:
        for log_type, fd in zip(names, fds, strict=True):
            self.log.attach_file(log_type, fd)
        # A session writes its last line where it wrote its first.
        self.log.keep_files({*names, *(record.service.log_type for record in self.sessions)})

    # ------------------------------------------------------------------ sessions

    def enter(self, state: ServiceState, peer: Peer, now: float) -> SessionRecord:
        """A session that was let in begins to count."""
        record = SessionRecord(self.sessions.number(), state.service, peer, now)
        record.source = state.access.counted_source(peer)
        self.counts.enter(state.name, record.source)
        self.sessions.enter(record)
        if record.service.limits.session is not None:
            self._timers.set()
        return record

    def count_start(self, record: SessionRecord) -> None:
        """What was let in starts now, and counts as one of the service's starts within a minute."""
        state = self.states.get(record.service.name)
        if state is not None and state.access.starts is not None:
            state.access.starts.count(time.monotonic())

    def leave(self, conn: int) -> SessionRecord | None:
        """The session is over; ``None`` when it was not known."""
        record = self.sessions.leave(conn)
        if record is not None:
            self.counts.leave(record.service.name, record.source)
            if self.sessions.crowd_has_gone():
                self.nursery.start_soon(tidy)
        return record

    def refuse_unentered(self, record: SessionRecord, verdict: Verdict) -> None:
        """A connection that never became a session."""
        self.log.refused(record, verdict)
        self._ban(record.service, record.peer, verdict)

    def _ban(self, service: Service, peer: Peer | None, verdict: Verdict) -> None:
        """If a sensor was touched, its peer is refused everywhere for the service's ``deny_time``."""
        if verdict.reason is not Reason.SENSOR or peer is None:
            return
        if self.world.sensor.ban(peer, service.deny_time, time.monotonic()):
            self.log.message(
                "crit",
                f"Adding {peer.address} to the global_no_access list for {service.deny_time} minutes",
                service.name,
            )

    def refuse(self, record: SessionRecord, verdict: Verdict) -> None:
        """The session of ``record`` is over before it began."""
        self.leave(record.conn)
        self.refuse_unentered(record, verdict)
        self.sessions_changed()

    def finish(self, record: SessionRecord) -> None:
        """A session that the front itself served (internal, redirect) has ended."""
        if self.leave(record.conn) is not None:
            record.seconds = time.monotonic() - record.started
            self.log.exited(record)
        self.sessions_changed()

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

    @property
    def own_ports(self) -> frozenset[int]:
        """Ports this superd answers datagrams on: an answer to one of them could come back for ever."""
        return self._datagram_ports

    def admit_again(self, record: SessionRecord, peer: Peer) -> Verdict | Ask | None:
        """Admission once more, now that the peer's name is known; the session itself does not count meanwhile."""
        state = self.states.get(record.service.name)
        if state is None:
            return Verdict(False, Reason.STOPPING, detail="the service was removed")
        self.counts.leave(state.name, record.source)
        answer = admit(state.access, peer, self.counts, time.monotonic(), self.world)
        self.counts.enter(state.name, record.source)
        return answer

    def refresh_policy(self) -> None:
        """Reads the policy again in the background. Once: a flood of datagrams asks for it while a long list is read."""
        if not self.policy.reading:
            self.nursery.start_soon(self.policy.fresh)

    def look_up(self, address: str) -> None:
        """Finds a name out in the background, for the next datagram of the same sender."""
        if self.arrivals.undecided < self.settings.undecided:
            self.nursery.start_soon(self.resolver.name_of, address)

    def refuse_datagram(self, state: ServiceState, peer: Peer, verdict: Verdict) -> None:
        """One datagram is not answered. A flood of them is one line in a while."""
        if state.service.log_style == "xinetd":
            self.log.datagram(SessionRecord(0, state.service, peer, time.monotonic()), verdict)
            return
        self.log.message("warning", f"datagram from {peer.address} refused: {verdict.why()}", state.name)

    def start_waiting(self, listener: Listener, state: ServiceState, peer: Peer | None) -> None:
        """Gives the listening socket of a `wait` service to its program."""
        record = SessionRecord(self.sessions.number(), state.service, peer, time.monotonic())
        record.listener = listener
        self.counts.enter(state.name, None)
        self.sessions.enter(record)
        server = Peer("", 0, 0, listener.address.port)
        self.launches.hand_over(record, server, os.dup(listener.fd))

    def adopt_waiting(self, record: SessionRecord) -> None:
        """A `wait` program of an earlier front has a listening socket: which, if there are many, nobody can tell."""
        for listener in self._by_address.values():
            if listener.name == record.service.name and not listener.deaf:
                self.listeners.ignore(listener)
                record.listener = listener
                return

    def end_silent(self, record: SessionRecord) -> None:
        """Ends a session for its silence."""
        self.log.message("notice", f"ended after {record.service.limits.idle:g} s of silence", record.service.name)
        self.sessions.end(record, time.monotonic())
        self._timers.set()

    def sessions_changed(self) -> None:
        """Sessions may have ended: when none is left, a stopping front can go."""
        if self._stop is not None and not self.sessions:
            self._quit.set()

    # ------------------------------------------------------------------ time and the end

    async def _keep_time(self) -> None:
        """Ends sessions whose time is over; sleeps until the next is due."""
        while True:
            self._timers = trio.Event()
            due = self.sessions.due()
            if due is None:
                await self._timers.wait()
                continue
            with trio.move_on_after(max(0.0, due - time.monotonic())):
                await self._timers.wait()
            self.sessions.end_overdue(time.monotonic())

    async def _end(self, order: channels.Stop) -> None:
        """Stops accepting; lets sessions end, or ends them; then the process ends."""
        first = self._stop is None
        self._stop = order
        if first:
            self.listeners.close()
            self._by_address.clear()
        if not order.end or not self.sessions:
            self._quit.set()
        with trio.move_on_after(order.grace):
            await self._quit.wait()
        if not self._quit.is_set():
            self.sessions.end_all(time.monotonic())
            self._timers.set()
            with trio.move_on_after(LAST_GRACE):
                await self._quit.wait()
        self.log.message("notice", "stopped")
        self.log.flush()
        self.ask("stopped")
        self.nursery.cancel_scope.cancel()
