"""The front: the unprivileged process that accepts, admits, decides and hands over. Launches nothing itself.

A connection that needs no waiting takes no task of its own: ``_arrive`` brings it from accept(2) to the launcher's
queue in one pass. Only what must wait (a look-up, a banner, a hook, a relay, an internal service) becomes a task.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
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
from superd.launch.client import MAX_QUEUE, LauncherClient
from superd.net.listener import Listener, ListenerSet
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
    from superd.expansion import Values
    from superd.policy.hosts_access import Tables
    from superd.rule import Option

NOBODY = Peer("", 4, 0)
"""The peer of a ``wait`` stream service: its program accepts by itself."""
LAST_GRACE = 15.0
"""Seconds that ended sessions get, over their own kill_grace, before superd ends without them."""
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
        self._timers: trio.Event
        self._quit: trio.Event
        self._hook_limit: trio.CapacityLimiter
        self._hook_number = 0
        self._datagram_ports: frozenset[int] = frozenset()
        assert order.policy is not None
        self.policy = PolicyWatch(order.policy, lambda: self._ask("policy"), self.log.message)
        self.resolver = Resolver(deadline=order.settings.policy.decide_timeout, at_once=order.settings.policy.lookups_at_once)
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
            self._timers, self._quit = trio.Event(), trio.Event()
            self._hook_limit = trio.CapacityLimiter(self.settings.policy.hooks_at_once)
            self._stderr = StderrCollector(nursery, lambda service, text: self.log.message("info", text, service), self.log.flush)
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
        self._datagram_ports = frozenset(address.port for address in self._by_address if address.socket_type is SocketType.DGRAM)

    def _take_launchers(self, numbers: tuple[int, ...], fds: list[int]) -> None:
        for number, fd in zip(numbers, fds, strict=True):
            client = LauncherClient(socket.socket(fileno=fd), self._on_report, self._on_reports_read)
            self._launchers[number] = client
            self.nursery.start_soon(client.run)
            client.send(messages.List())

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
        verdict: Verdict | Ask | None = admit(state.access, peer, self.counts, now, self)
        asked = isinstance(verdict, Ask)
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
        # What decide asked for is asked again there; only admission's own question is passed on.
        first = verdict if asked or isinstance(verdict, Verdict) else None
        self.nursery.start_soon(run_session, self, listener, state, sock, record, first)

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
        peer = record.peer or NOBODY
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
        record.source = state.access.counted_source(peer)
        self.counts.enter(state.name, record.source)
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
            self.log.message(
                "crit",
                f"Adding {peer.address} to the global_no_access list for {state.service.deny_time} minutes",
                state.name,
            )

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

    def load(self, now: float) -> float:
        """The one-minute load, at most a second old."""
        if now - self._load[0] >= LOAD_AGE:
            self._load = (now, os.getloadavg()[0])
        return self._load[1]

    def _on_batch_end(self) -> None:
        self._tables = None
        self.flush_launchers()
        self.log.flush()

    def flush_launchers(self) -> None:
        """Sends what is queued for launchers: once a batch, and once for a session that had to wait."""
        for client in self._launchers.values():
            if client.backlog:
                client.flush()

    def _on_overload(self, number: int, pause: float) -> None:
        self.log.message("error", f"accepting paused for {pause:g} s: {os.strerror(number)}")
        self.log.flush()

    # ------------------------------------------------------------------ what admission asks of the world

    def minute_of_week(self) -> tuple[int, int]:
        """Local weekday (Monday is 0) and minute of the day."""
        local = time.localtime()
        return local.tm_wday, local.tm_hour * 60 + local.tm_min

    def process_limit(self) -> int | None:
        """Programs at once over all services."""
        return self.settings.process_limit

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
        answer = admit(state.access, peer, self.counts, time.monotonic(), self)
        self.counts.enter(state.name, record.source)
        return answer

    def refresh_policy(self) -> None:
        """Reads the policy again in the background."""
        self.nursery.start_soon(self.policy.fresh)

    def look_up(self, address: str) -> None:
        """Finds a name out in the background, for the next datagram of the same sender."""
        if self.undecided < self.settings.undecided:
            self.nursery.start_soon(self.resolver.name_of, address)

    def refuse_datagram(self, state: ServiceState, peer: Peer, verdict: Verdict) -> None:
        """One datagram is not answered. A flood of them is one line in a while."""
        self.log.message("warning", f"datagram from {peer.address} refused: {verdict.why()}", state.name)

    def profile_for(self, user: str, group: str) -> int | None:
        """The launcher for a rule's `user` and `group` options."""
        return self._overrides.get((user, group))

    # ------------------------------------------------------------------ launchers

    def start_waiting(self, listener: Listener, state: ServiceState, peer: Peer | None) -> None:
        """Gives the listening socket of a `wait` service to its program."""
        record = SessionRecord(self.sessions.number(), state.service, peer, time.monotonic())
        record.listener = listener
        self.counts.enter(state.name, None)
        self.sessions.enter(record)
        server = Peer("", 0, 0, listener.address.port)
        self.hand_over(record, server, os.dup(listener.fd))

    async def run_hook(self, option: Option, values: Values, record: SessionRecord) -> int:
        """Runs a command of the policy as the service's user (or `hook_user`); its exit status, 1 if it did not run."""
        number = self._hook_profile if self._hook_profile is not None else self._profiles.get(record.service.name)
        client = self._launchers.get(number) if number is not None else None
        if client is None:
            return 1
        async with self._hook_limit:
            self._hook_number = (self._hook_number + 1) & 0x7FFFFFFF
            hook, done = self._hook_number, trio.Event()
            result = [1]
            self._hooks[hook] = (done, result)
            seconds = self.settings.policy.hook_timeout
            client.send(messages.Hook(hook, option.digest, values, seconds))
            with trio.move_on_after(seconds + 1):
                await done.wait()
            self._hooks.pop(hook, None)
        if result[0] < 0:
            self.log.message("error", f"{option.origin}: {option.name} could not be run", record.service.name)
        return result[0] if result[0] >= 0 else 1

    def _send_signal(self, record: SessionRecord, number: int) -> None:
        client = self._launchers.get(record.profile) if record.profile is not None else None
        if client is not None and record.pid:
            client.send(messages.Signal(record.conn, number))
        elif record.scope is not None:
            record.scope.cancel()

    def _on_report(self, report: messages.Report, fd: int) -> None:
        match report:
            case messages.Started():
                record = self.sessions.get(report.conn)
                if record is not None:
                    record.pid = report.pid
                    self.log.started(record)
            case messages.Exited():
                self._exited(report)
            case messages.Failed():
                record = self._leave(report.conn)
                if record is not None:
                    detail = f"cannot execute `{report.what}`: {os.strerror(report.errno)}"
                    self.log.refused(record, Verdict(False, Reason.LAUNCH, detail=detail))
                    self.log.message("error", detail, record.service.name)
                    if record.listener is not None:
                        self.datagrams.ended(record)
            case messages.HookDone():
                waiting = self._hooks.get(report.hook)
                if waiting is not None:
                    waiting[1][0] = report.status
                    waiting[0].set()
            case messages.StderrPipe():
                self._stderr.take(report.service, fd)
            case messages.Living():
                self._adopt(report)

    def _exited(self, report: messages.Exited) -> None:
        record = self._leave(report.conn)
        if record is None:
            state = self.states.get(report.service)
            if state is None:
                return
            record = SessionRecord(report.conn, state.service, None, 0.0)
            record.pid = report.pid
        record.status, record.seconds = report.status, report.seconds
        record.usage = (report.utime, report.stime, report.maxrss)
        self.log.exited(record)
        if record.listener is not None:
            self.datagrams.ended(record)

    def _adopt(self, report: messages.Living) -> None:
        """A program that an earlier front started: it counts, and its end is logged."""
        state = self.states.get(report.service)
        if state is None or self.sessions.get(report.conn) is not None:
            return
        peer = peer_from_text(report.source) if report.source else None
        record = SessionRecord(report.conn, state.service, peer, time.monotonic())
        record.pid = report.pid
        record.profile = state.profile
        record.source = state.access.counted_source(peer) if peer is not None else None
        self.counts.enter(state.name, record.source)
        self.sessions.enter(record)

    def _on_reports_read(self) -> None:
        if self.listeners.held and all(client.backlog < MAX_QUEUE // 2 for client in self._launchers.values()):
            self.listeners.release()
        if self._stop is not None and not self.sessions:
            self._quit.set()
        self.log.flush()

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
        self._ask("stopped")
        self.nursery.cancel_scope.cancel()


def _scoped(sockaddr: Any) -> str:
    try:
        return f"{sockaddr[0].partition('%')[0]}%{socket.if_indextoname(sockaddr[3])}"
    except OSError:
        return str(sockaddr[0])


def _sockname(fd: int) -> tuple[str, int]:
    sock = socket.socket(fileno=fd)
    try:
        name = sock.getsockname()
    finally:
        sock.detach()
    return name[0], name[1]


def _uid_of(fd: int) -> int | None:
    sock = socket.socket(fileno=fd)
    try:
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return None
    finally:
        sock.detach()
    return int(uid)
