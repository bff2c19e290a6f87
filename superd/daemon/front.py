"""The front: the unprivileged process that accepts, admits, decides and hands over. Launches nothing itself.

A connection that needs no waiting takes no task of its own: ``_arrive`` brings it from accept(2) to the launcher's
queue in one pass. Only what must wait (a look-up, a banner, a hook, a relay, an internal service) becomes a task.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import trio

from superd.address import SocketType
from superd.daemon import channel as channels
from superd.daemon.datagram import DatagramDesk
from superd.daemon.dump import describe_state
from superd.daemon.policy_watch import PolicyWatch
from superd.daemon.session import run_session
from superd.daemon.sessions import Sessions
from superd.daemon.state import ServiceState
from superd.daemon.stderr import StderrCollector
from superd.expansion import safe
from superd.launch.client import LauncherClient
from superd.net.listener import Listener, ListenerSet, is_dead
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.peer import Peer, peer_from_text, unix_peer
from superd.policy.admission import admit
from superd.policy.hosts_access import NO_FACTS, decide
from superd.policy.sensor import Sensor
from superd.record import SessionRecord
from superd.verdict import Ask, Reason, Verdict
from superd.wire import launch_message as messages

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.daemon.logs import Log
    from superd.policy.hosts_access import Tables

LOAD_AGE = 1.0
"""Seconds the load average is believed; the kernel renews it every 5."""


@lru_cache(maxsize=8192)
def _known_peer(address: str) -> Peer:
    # Parsing an address costs 3 µs; floods and health checks come from few.
    return peer_from_text(address)


class Front:
    """The running front. Owns every mutable thing in it; one thread, so nothing is locked."""

    def __init__(self, order: channels.Apply, fds: list[int], channel: socket.socket, log: Log) -> None:
        self._order = order
        self._fds = fds
        self._channel = channel
        self.log = log
        self.settings = order.settings
        self.counts = Occupancy()
        self.sensor = Sensor()
        self.states: dict[str, ServiceState] = {}
        self.listeners = ListenerSet(self._on_ready, self._on_batch_end, self._on_overload)
        self._by_address: dict[BindAddress, Listener] = {}
        self._launchers: dict[int, LauncherClient] = {}
        self._profiles: dict[str, int] = {}
        self._overrides: dict[tuple[str, str], int] = {}
        self._hook_profile: int | None = None
        self.sessions = Sessions(self._send_signal)
        self._hooks: dict[int, tuple[trio.Event, list[int]]] = {}
        self.undecided = 0
        self._tables: Tables | None = None
        self._load: tuple[float, float] = (-LOAD_AGE, 0.0)
        self._stop: channels.Stop | None = None
        self._timers = trio.Event()
        assert order.policy is not None
        self.policy = PolicyWatch(order.policy, lambda: self._ask("policy"), self.log.message)
        self.resolver = Resolver(
            deadline=order.settings.policy.decide_timeout, at_once=order.settings.policy.lookups_at_once
        )
        self.datagrams = DatagramDesk(self)
        self.nursery: trio.Nursery
        self._stderr: StderrCollector

    # ------------------------------------------------------------------ the loop

    async def run(self) -> int:
        """Serves until the master says stop, or is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is the master's to answer
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._channel.setblocking(False)
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self._stderr = StderrCollector(
                nursery, lambda service, text: self.log.message("info", text, service), self.log.flush
            )
            self._apply(self._order, self._fds)
            nursery.start_soon(self.log.run)
            nursery.start_soon(self.listeners.run)
            nursery.start_soon(self._keep_time)
            self._ask("ready")
            await self._obey(nursery)
        self.log.close()
        return 0

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
                    self._ask("applied", number=order.number)
                case channels.PolicyReply():
                    self._take_launchers(order.launchers, fds)
                    self._overrides = order.overrides
                    self.policy.answered(order)
                case channels.Dump():
                    self._dump()
                case channels.Stop():
                    nursery.start_soon(self._end, order)
            self.log.flush()

    def _ask(self, word: str, *, number: int = 0, text: str = "") -> None:
        try:
            channels.send_request(self._channel, word, number=number, text=text)
        except OSError:
            pass  # the master is gone: _obey sees the end of the channel

    def _dump(self) -> None:
        data = describe_state(self).encode("utf-8", "backslashreplace")[: channels.MAX_DUMP]
        memory = os.memfd_create("superd-dump", os.MFD_CLOEXEC)
        with open(memory, "w+b") as file:
            file.write(data)
            file.flush()
            socket.send_fds(self._channel, [channels.dump_message(len(data))], [memory])

    # ------------------------------------------------------------------ a reload

    def _apply(self, order: channels.Apply, fds: list[int]) -> None:
        # No await below: nobody sees half a reload.
        self.settings = order.settings
        self._profiles, self._overrides = order.profiles, order.overrides
        self._hook_profile = order.hook_profile
        listener_fds, launcher_fds = fds[: len(order.sockets)], fds[len(order.sockets) :]
        self._take_launchers(order.launchers, launcher_fds)
        for name in order.removed:
            self.states.pop(name, None)
        for name, service in order.services.items():
            self.states[name] = ServiceState(service, self._profiles.get(name))
        for state in self.states.values():
            state.profile = self._profiles.get(state.name)
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

    def _take_launchers(self, numbers: tuple[int, ...], fds: list[int]) -> None:
        for number, fd in zip(numbers, fds, strict=True):
            client = LauncherClient(socket.socket(fileno=fd), self._on_report)
            self._launchers[number] = client
            self.nursery.start_soon(client.run)
            client.list()

    # ------------------------------------------------------------------ one connection

    def _on_ready(self, listener: Listener) -> None:
        state = self.states.get(listener.name)
        if state is None:
            return
        if state.service.wait or listener.address.socket_type is SocketType.DGRAM:
            self.datagrams.on_ready(listener, state)
            return
        for _ in range(32):
            try:
                fd, sockaddr = listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if self.listeners.overloaded(problem):
                    return
                continue  # the connection was reset, or its network is gone: accept(2) lists a dozen such errors
            self._arrive(listener, state, fd, sockaddr)

    def _arrive(self, listener: Listener, state: ServiceState, fd: int, sockaddr: Any) -> None:
        """One accepted connection; ``fd`` is this function's, then the launcher's or the session's."""
        if listener.tcp:
            known = _known_peer(sockaddr[0] if len(sockaddr) == 2 or not sockaddr[3] else _scoped(sockaddr))
            peer = Peer(known.address, known.version, known.number, sockaddr[1])
        else:
            peer = unix_peer(_uid_of(fd))
        now = time.monotonic()
        tables = self._tables
        if tables is None:
            tables = self._tables = self.policy.current()
        verdict: Verdict | Ask | None = admit(state.access, peer, self.counts, now, self._conditions())
        if verdict is None and state.wrapped and tables is not None:
            if tables.empty:
                verdict = None
            else:
                verdict = decide(tables, state.daemon, peer, self._server(listener, fd), NO_FACTS)
                if type(verdict) is Verdict and verdict.admit and not verdict.steps:
                    verdict = None
        if verdict is None and state.fast and (tables is not None or not state.wrapped):
            self._launch_fast(listener, state, fd, peer, now)
            return
        if (
            type(verdict) is Verdict
            and not verdict.admit
            and not verdict.steps
            and not state.service.banner
            and not state.service.banner_fail
            and not state.service.banners
            and "USERID" not in state.service.log_on_failure
        ):
            os.close(fd)
            self._refused(state, peer, verdict)
            return
        if self.undecided >= self.settings.undecided:
            os.close(fd)
            self._refused(state, peer, Verdict(False, Reason.OVERLOAD, detail="too many connections wait"))
            return
        self.undecided += 1
        sock = socket.socket(fileno=fd)
        # Entered here, not in the task: else two connections both pass a limit of one.
        record = self._enter(state, peer, now)
        self.nursery.start_soon(run_session, self, listener, state, sock, record, verdict)

    def _launch_fast(self, listener: Listener, state: ServiceState, fd: int, peer: Peer, now: float) -> None:
        record = self._enter(state, peer, now)
        server = self._server(listener, fd)
        self.hand_over(record, server, fd)

    def hand_over(
        self,
        record: SessionRecord,
        server: Peer,
        fd: int,
        *,
        steps: tuple[str, ...] = (),
        values: Any = None,
        profile: int | None = None,
    ) -> None:
        """Gives the session's socket to the launcher of its service; ``fd`` is the launcher's from here."""
        state = self.states.get(record.service.name)
        number = profile if profile is not None else self._profiles.get(record.service.name)
        client = self._launchers.get(number) if number is not None else None
        if client is None or state is None:
            os.close(fd)
            self._leave(record.conn)
            self._refused_record(record, Verdict(False, Reason.LAUNCH, detail="no launcher"))
            return
        peer = record.peer
        request = messages.Launch(
            record.conn,
            record.service.name,
            peer.address,
            peer.port,
            server.address,
            server.port,
            peer.name,
            peer.user,
            record.service.proto if peer.version else "unix",
            steps,
            values,
        )
        record.profile = number
        if not client.launch(request, fd):
            self.listeners.hold()

    def _enter(self, state: ServiceState, peer: Peer, now: float) -> SessionRecord:
        record = SessionRecord(self.sessions.number(), state.service, peer, now)
        record.source = self.counts.enter(state.name, state.access.source_of(peer))
        self.sessions.enter(record)
        if record.service.limits.session is not None:
            self._timers.set()
        return record

    def _leave(self, conn: int) -> SessionRecord | None:
        record = self.sessions.leave(conn)
        if record is not None:
            self.counts.leave(record.service.name, record.source)
        return record

    def _refused(self, state: ServiceState, peer: Peer, verdict: Verdict) -> None:
        self.log.refused(SessionRecord(0, state.service, peer, time.monotonic()), verdict)
        if verdict.reason is Reason.SENSOR and state.service.sensor:
            self.ban(state, peer)

    def ban(self, state: ServiceState, peer: Peer) -> None:
        """A sensor was touched: its peer is refused everywhere for the service's ``deny_time``."""
        if self.sensor.ban(peer, state.service.deny_time, time.monotonic()):
            self.log.message("crit", f"Adding {peer.address} to the global_no_access list for {state.service.deny_time}"
                                     " minutes", state.name)

    def _refused_record(self, record: SessionRecord, verdict: Verdict) -> None:
        self.log.refused(record, verdict)

    def refuse(self, record: SessionRecord, verdict: Verdict) -> None:
        """The session of ``record`` is over before it began."""
        self._leave(record.conn)
        self.log.refused(record, verdict)

    def finish(self, record: SessionRecord) -> None:
        """A session that the front itself served (internal, redirect) has ended."""
        if self._leave(record.conn) is not None:
            self.log.exited(record)

    def _server(self, listener: Listener, fd: int) -> Peer:
        if not listener.tcp:
            return Peer("localhost", 0, 0)
        local = listener.local
        if local is None:
            local = _sockname(fd)
        known = _known_peer(local[0])
        return Peer(known.address, known.version, known.number, local[1])

    def server_of(self, listener: Listener, sock: socket.socket) -> Peer:
        """The local end of a connection."""
        return self._server(listener, sock.fileno())

    def _conditions(self) -> Any:
        """What admission asks of the world: the load, and the bans."""
        return self

    def load(self, now: float) -> float:
        """The one-minute load, at most a second old."""
        if now - self._load[0] >= LOAD_AGE:
            self._load = (now, os.getloadavg()[0])
        return self._load[1]

    def _on_batch_end(self) -> None:
        self._tables = None
        for client in self._launchers.values():
            if client.backlog:
                client.flush()
        self.log.flush()

    def _on_overload(self, number: int, pause: float) -> None:
        self.log.message("error", f"accepting paused for {pause:g} s: {os.strerror(number)}")
        self.log.flush()
