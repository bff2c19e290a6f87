"""The master: root, asleep. Reads configuration, binds, starts front and launchers, restarts what dies.

It never reads a peer's byte: listeners are opened and handed over, and what the front asks for comes from a closed table
(``channel.py``). No event loop and no trio here: one poll(2), signals through a wakeup descriptor, a handful of timers.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.daemon import channel as channels
from superd.daemon.launchers import LauncherPool
from superd.daemon.policy_load import load_policy
from superd.daemon.rpc import RpcRegistrar, mappings_of
from superd.errors import BindError, ConfigError, ControlError
from superd.net.bind import adjust, open_address
from superd.plan import Plan, plan
from superd.registry import Registry

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.daemon.logs import Log
    from superd.daemon.policy_files import PolicyFiles
    from superd.daemon.systemd import Notifier
    from superd.problem import Problem

FIRST_RETRY = 0.5
LAST_RETRY = 5.0
"""Seconds between tries to bind what was taken at the start: doubles from the first to the last, for ever."""
CRASH_PAUSE = 1.0
"""Seconds before a front that died is started again when it lived less than this."""
RELOAD_PAUSE = 0.1
"""Seconds between two reloads at least: a storm of SIGHUPs is one or two of them."""
REQUESTS_AT_ONCE, REQUESTS_A_SECOND = 200, 60.0
"""What a front may ask: most is one for each order, and for tables that change all the time one each 20 ms."""
RENEWAL = 0.005
"""What a new datagram socket costs of these: one is asked for at each new peer."""

_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD)

Front = Callable[[channels.Apply, list[int], socket.socket], int]
"""What the front process runs: the first order, its descriptors, the channel; returns the exit status."""


class Master:
    """All that root holds. ``run`` returns the exit status."""

    def __init__(
        self,
        registry: Registry,
        policy: PolicyFiles,
        read: Callable[[], tuple[Registry, tuple[Problem, ...]]],
        front: Front,
        log: Log,
        notifier: Notifier,
        inherited: dict[BindAddress, socket.socket],
        on_dump: Callable[[bytes], None],
        on_ready: Callable[[Registry], None],
    ) -> None:
        self._registry = registry
        self._policy = policy
        self._read = read
        self._front = front
        self._log = log
        self._notifier = notifier
        self._inherited = inherited
        self._on_dump = on_dump
        self._on_ready = on_ready
        self._sockets: dict[BindAddress, socket.socket] = {}
        self._unbound: dict[BindAddress, float] = {}
        self._poll = select.poll()
        self._launchers = LauncherPool(log, self._poll)
        self._rpc = RpcRegistrar(log)
        self._channel: socket.socket | None = None
        self._front_pid = 0
        self._front_started = 0.0
        self._front_due: float | None = None
        self._bind_due: float | None = None
        self._reload_due: float | None = None
        self._last_reload = 0.0
        self._number = 0
        self._closing: dict[int, tuple[BindAddress, ...]] = {}
        self._stopping = False
        self._greeted = False
        self._dump_asked = False
        self._requests_left, self._requests_since = float(REQUESTS_AT_ONCE), 0.0

    # ------------------------------------------------------------------ the loop

    def run(self) -> int:
        """Serves until SIGTERM, SIGINT or SIGQUIT. Returns 0."""
        wakeup, wakeup_in = socket.socketpair()
        wakeup.setblocking(False)
        wakeup_in.setblocking(False)
        signal.set_wakeup_fd(wakeup_in.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGUSR2, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        self._poll.register(wakeup, select.POLLIN)
        self._bind_all()
        self._rpc.want(mappings_of(self._registry, self._sockets))
        self._launchers.assign(self._registry, self._policy)
        self._start_front()
        while self._front_pid or not self._stopping:
            timeout = self._next_due()
            for fd, _ in self._poll.poll(timeout):
                if fd == wakeup.fileno():
                    self._on_signals(wakeup.recv(256))
                elif self._channel is not None and fd == self._channel.fileno():
                    self._on_request()
                else:
                    self._launchers.on_readable(fd)
                    if self._launchers.broken_front:
                        self._replace_front(self._launchers.broken_front)
                        self._launchers.broken_front = ""
            self._on_timers()
        self._launchers.close()
        for address in self._sockets:
            _unlink(address)
        return 0

    def _next_due(self) -> int | None:
        due = [
            t for t in (self._front_due, self._bind_due, self._reload_due, self._launchers.due, self._rpc.due) if t is not None
        ]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def _on_timers(self) -> None:
        now = time.monotonic()
        if self._front_due is not None and now >= self._front_due:
            self._front_due = None
            self._start_front()
        if self._bind_due is not None and now >= self._bind_due:
            self._bind_again(now)
        if self._reload_due is not None and now >= self._reload_due:
            self._reload_due = None
            self._reload()
        self._launchers.on_timer(now)
        self._rpc.on_timer(now)
        self._log.flush()

    def _on_signals(self, numbers: bytes) -> None:
        seen = set(numbers)
        if signal.SIGCHLD in seen:
            self._reap()
        if signal.SIGHUP in seen and not self._stopping:
            self._reload_due = max(time.monotonic(), self._last_reload + RELOAD_PAUSE)
        if signal.SIGUSR1 in seen:
            self._dump_asked = True
            self._tell(channels.Dump())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if number in seen:
                self._stop(number)

    # ------------------------------------------------------------------ sockets

    def _bind_all(self) -> None:
        for address, service in self._registry.by_address().items():
            adopted = self._inherited.pop(address, None)
            if adopted is not None:
                self._sockets[address] = adopted
                continue
            try:
                self._sockets[address] = open_address(address, service)
            except BindError as problem:
                self._log.message("error", f"{problem}; trying again", service.name)
                self._unbound[address] = FIRST_RETRY
        for address, sock in self._inherited.items():
            self._log.message("warning", f"nobody serves the socket that was handed over for {address.describe()}")
            sock.close()
        self._inherited.clear()
        if self._unbound:
            self._bind_due = time.monotonic() + FIRST_RETRY

    def _bind_again(self, now: float) -> None:
        table = self._registry.by_address()
        opened: list[BindAddress] = []
        for address, pause in list(self._unbound.items()):
            service = table.get(address)
            if service is None:
                del self._unbound[address]
                continue
            try:
                self._sockets[address] = open_address(address, service)
            except BindError:
                self._unbound[address] = min(pause * 2, LAST_RETRY)
                continue
            del self._unbound[address]
            opened.append(address)
            self._log.message("notice", f"listening on {address.describe()} at last", service.name)
        if opened:
            self._send_apply(Registry({}, self._registry.settings), opened, {}, ())
            self._rpc.want(mappings_of(self._registry, self._sockets))
        self._bind_due = now + min(self._unbound.values()) if self._unbound else None

    # ------------------------------------------------------------------ front

    def _start_front(self) -> None:
        ours, theirs = channels.pair()
        self._number += 1
        table = self._registry.by_address()
        sockets = tuple(address for address in self._sockets if address in table)
        order = self._order(
            services=dict(self._registry.services),
            sockets=sockets,
            listeners={address: table[address].name for address in sockets},
            launchers=self._launchers.numbers,
            policy=self._policy,
        )
        fds = [self._sockets[address].fileno() for address in sockets]
        fds += [self._launchers.front_fd(number) for number in order.launchers]
        self._log.flush()
        gc.collect()
        gc.freeze()  # so that a collection in the front does not copy every page of what it shares with us
        pid = os.fork()  # noqa: TID251 - no thread and no trio runs in the master; the child never returns
        if pid == 0:
            status = 70  # EX_SOFTWARE
            try:
                signal.set_wakeup_fd(-1)
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_DFL if number != signal.SIGHUP else signal.SIG_IGN)
                ours.close()
                kept = [os.dup(fd) for fd in fds]
                # A fork copies every descriptor: a listener closed later must have no forgotten copy here.
                for sock in self._sockets.values():
                    sock.close()
                self._launchers.close_copies()
                status = self._front(order, kept, theirs)
            finally:
                os._exit(status)
        theirs.close()
        gc.unfreeze()
        self._front_pid, self._front_started, self._channel = pid, time.monotonic(), ours
        self._dump_asked, self._requests_left = False, float(REQUESTS_AT_ONCE)
        self._poll.register(ours, select.POLLIN)

    def _order(
        self,
        services: dict[str, object],
        sockets: tuple[BindAddress, ...],
        listeners: dict[BindAddress, str],
        launchers: tuple[int, ...],
        *,
        removed: tuple[str, ...] = (),
        closed: tuple[BindAddress, ...] = (),
        policy: PolicyFiles | None = None,
        summary: str = "",
    ) -> channels.Apply:
        return channels.Apply(
            number=self._number,
            services=services,  # type: ignore[arg-type]
            removed=removed,
            settings=self._registry.settings,
            sockets=sockets,
            listeners=listeners,
            closed=closed,
            launchers=launchers,
            running=self._launchers.running,
            profiles=self._launchers.profiles,
            overrides=self._launchers.overrides,
            hook_profile=self._launchers.hook_profile,
            policy=policy,
            summary=summary,
        )

    def _send_apply(
        self,
        changed: Registry,
        sockets: list[BindAddress],
        retargeted: dict[BindAddress, str],
        removed: tuple[str, ...],
        *,
        closed: tuple[BindAddress, ...] = (),
        policy: PolicyFiles | None = None,
        summary: str = "",
    ) -> None:
        self._number += 1
        table = self._registry.by_address()
        listeners = {address: table[address].name for address in sockets} | retargeted
        order = self._order(
            dict(changed.services),
            tuple(sockets),
            listeners,
            self._launchers.take_new(),
            removed=removed,
            closed=closed,
            policy=policy,
            summary=summary,
        )
        fds = [self._sockets[address].fileno() for address in sockets]
        fds += [self._launchers.front_fd(number) for number in order.launchers]
        self._closing[self._number] = closed
        self._tell(order, tuple(fds))

    def _tell(self, order: channels.Order, fds: tuple[int, ...] = ()) -> None:
        if self._channel is None:
            return
        try:
            channels.send_order(self._channel, order, fds)
        except BlockingIOError:
            self._replace_front("it reads no orders")
        except OSError:
            pass  # it died: SIGCHLD says so, and the next one is told everything anew

    def _on_request(self) -> None:
        assert self._channel is not None
        try:
            request, dump = channels.receive_request(self._channel)
            self._take_request(RENEWAL if request.word == "renew" else 1.0)
            if request.word == "dump" and not self._dump_asked:
                raise ControlError("a dump that nobody asked for")
        except ControlError as problem:
            self._replace_front(str(problem))
            return
        except (EOFError, OSError):
            # Ended, or ends just now; or it lives and says nothing in an empty message: then it ends by this.
            if self._front_pid:
                os.kill(self._front_pid, signal.SIGKILL)
            self._drop_channel()
            return
        match request.word:
            case "ready":
                self._tell_ready()
            case "applied":
                self._close_sockets(self._closing.pop(request.number, ()))
                self._tell_ready()
            case "policy":
                self._send_policy()
            case "renew":
                self._renew(request.address)
            case "dump":
                self._dump_asked = False
                self._on_dump(dump)
            case "stopped":
                pass  # its end follows

    def _take_request(self, cost: float) -> None:
        now = time.monotonic()
        left = self._requests_left + (now - self._requests_since) * REQUESTS_A_SECOND
        self._requests_left, self._requests_since = min(REQUESTS_AT_ONCE, left) - cost, now
        if self._requests_left < 0:
            raise ControlError("too many messages")

    def _renew(self, text: str) -> None:
        """Another socket for a datagram service whose old one has become its program's."""
        table = self._registry.by_address()
        address = next((address for address in self._sockets if address.describe() == text), None)
        service = table.get(address) if address is not None else None
        if address is None or service is None or service.wait or not service.server or address.path:
            self._tell(channels.Renewed(text, "nothing of the kind is served there"))
            return
        old = self._sockets[address]
        where = address if address.port else replace(address, port=old.getsockname()[1])
        try:
            self._sockets[address] = open_address(where, service)
        except BindError as problem:
            self._tell(channels.Renewed(text, str(problem)))
            return
        old.close()
        self._tell(channels.Renewed(text), (self._sockets[address].fileno(),))

    def _replace_front(self, why: str) -> None:
        self._log.message("alert", f"the front broke its protocol ({why}); it is being replaced")
        if self._front_pid:
            os.kill(self._front_pid, signal.SIGKILL)
        self._drop_channel()

    def _tell_ready(self) -> None:
        self._notifier.ready(f"{len(self._registry.services)} services, {len(self._sockets)} listeners")
        if not self._greeted:
            self._greeted = True
            self._on_ready(self._registry)

    def _drop_channel(self) -> None:
        if self._channel is not None:
            self._poll.unregister(self._channel)
            self._channel.close()
            self._channel = None

    def _close_sockets(self, addresses: tuple[BindAddress, ...]) -> None:
        for address in addresses:
            sock = self._sockets.pop(address, None)
            if sock is not None:
                sock.close()
                _unlink(address)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._front_pid:
                self._front_ended(status)
            elif self._launchers.ended(pid, status):
                self._tell_pairs()
            elif self._launchers.orphans:
                self._tell(channels.Ended(pid, status))

    def _tell_pairs(self) -> None:
        fresh = self._launchers.take_new()
        if fresh:
            self._tell(channels.Pairs(fresh), tuple(self._launchers.front_fd(number) for number in fresh))

    def _front_ended(self, status: int) -> None:
        self._front_pid = 0
        self._drop_channel()
        for addresses in self._closing.values():
            self._close_sockets(addresses)
        self._closing.clear()
        if self._stopping:
            return
        self._log.message("crit", f"the front ended ({_describe(status)}); starting another")
        lived = time.monotonic() - self._front_started
        self._front_due = time.monotonic() + (CRASH_PAUSE if lived < CRASH_PAUSE else 0.0)

    # ------------------------------------------------------------------ policy, reload, stop

    def _send_policy(self) -> None:
        settings = self._registry.settings.policy
        try:
            files, problems = load_policy(settings.hosts_allow, settings.hosts_deny)
        except (OSError, ConfigError) as problem:
            self._tell(channels.PolicyReply(None, str(problem)))
            return
        self._policy = files
        self._launchers.assign(self._registry, files)
        for found in problems:
            self._log.message(found.severity.value, str(found))
        fresh = self._launchers.take_new()
        reply = channels.PolicyReply(files, "", fresh, self._launchers.overrides)
        self._tell(reply, tuple(self._launchers.front_fd(number) for number in fresh))

    def _reload(self) -> None:
        self._last_reload = time.monotonic()
        self._notifier.reloading()
        try:
            new, problems = self._read()
            settings = new.settings.policy
            policy, more = load_policy(settings.hosts_allow, settings.hosts_deny)
            changes = plan(self._bound(), new)
            opened = self._open_all(changes)
        except ConfigError as refused:
            for found in refused.problems:
                self._log.message(found.severity.value, str(found))
            self._refuse_reload(f"{len(refused.problems)} problems")
            return
        except (OSError, BindError) as fault:
            self._refuse_reload(str(fault))
            return
        for problem in (*problems, *more):
            self._log.message(problem.severity.value, str(problem))
        old, self._registry, self._policy = self._registry, new, policy
        self._sockets.update(opened)
        self._unbound.clear()
        self._bind_due = None
        for address, service in changes.retarget:
            adjust(self._sockets[address], service)
        self._rpc.want(mappings_of(new, self._sockets))
        self._launchers.assign(new, policy)
        changed = {name: service for name, service in new.services.items() if old.services.get(name) != service}
        removed = tuple(name for name in old.services if name not in new.services)
        self._send_apply(
            Registry(changed, new.settings),
            list(opened),
            {address: service.name for address, service in changes.retarget},
            removed,
            closed=changes.close,
            policy=policy,
            summary=changes.summary(),
        )
        self._log.message("notice", f"reload: {changes.summary()}")

    def _bound(self) -> Registry:
        """The registry as far as it is bound: what could not be bound at the start is opened by the reload."""
        if not self._unbound:
            return self._registry
        bound = {
            name: service
            for name, service in self._registry.services.items()
            if not any(address in self._unbound for address in service.addresses())
        }
        return Registry(bound, self._registry.settings)

    def _refuse_reload(self, why: str) -> None:
        self._log.message("error", f"reload refused, nothing has changed: {why}")
        self._notifier.ready(f"reload refused: {why}")

    def _open_all(self, changes: Plan) -> dict[BindAddress, socket.socket]:
        """Every address the plan opens, or none: a failure closes what this call opened. Raises ``BindError``."""
        opened: dict[BindAddress, socket.socket] = {}
        try:
            for address, service in changes.open:
                if address not in self._sockets:
                    opened[address] = open_address(address, service)
        except BindError:
            for address, sock in opened.items():
                sock.close()
                _unlink(address)
            raise
        return opened

    def _stop(self, number: int) -> None:
        settings = self._registry.settings
        again = self._stopping
        if not again:
            self._stopping = True
            self._notifier.stopping()
            self._reload_due = self._bind_due = self._front_due = None
            self._rpc.close()
            for address, sock in self._sockets.items():
                sock.close()
                _unlink(address)
            self._sockets.clear()
        end = settings.stop_sessions == "end" and number != signal.SIGQUIT
        grace = 0.0 if again or number == signal.SIGINT else settings.stop_grace
        self._log.message("notice", f"stopping on {signal.Signals(number).name}")
        self._tell(channels.Stop(end, grace))


def _unlink(address: BindAddress) -> None:
    if address.path.startswith("/"):
        with contextlib.suppress(OSError):  # somebody removed it, or its folder, before us
            os.unlink(address.path)


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"
