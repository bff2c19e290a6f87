"""The master: root, asleep. Reads configuration, binds, starts front and launchers, restarts what dies.

It never reads a peer's byte: listeners are opened and handed over, and what the front asks for comes from a closed table
(``channel.py``). No event loop and no trio here: one poll(2), signals through a wakeup descriptor, a handful of timers.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.counted import counted
from superd.errors import BindError, ConfigError
from superd.ipc import channel as channels
from superd.load.policy import UnusableTables, load_policy
from superd.master.front_child import EX_NOPERM, FrontProcess, Run
from superd.master.launcher_pool import LauncherPool
from superd.master.listeners import BoundSockets
from superd.master.log_files import LogFiles
from superd.master.rpc_registration import RpcRegistrar, mappings_of
from superd.plan import plan
from superd.problem import errors, new_errors
from superd.registry import Registry

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.log.log import Log
    from superd.master.notify import Notifier
    from superd.policy_snapshot import PolicySnapshot
    from superd.problem import Problem

MOST_TOLD = 50
"""Warnings of one reading of the tables that are logged: a list that grows every minute says the same each time."""
RELOAD_PAUSE = 0.1
"""Seconds between two reloads at least: a storm of SIGHUPs is one or two of them."""

_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD)


class Master:
    """All that root holds. ``run`` returns the exit status."""

    def __init__(
        self,
        registry: Registry,
        problems: tuple[Problem, ...],
        policy: PolicySnapshot,
        read: Callable[[], tuple[Registry, tuple[Problem, ...]]],
        front: Run,
        log: Log,
        notifier: Notifier,
        inherited: dict[BindAddress, socket.socket],
        on_dump: Callable[[bytes], None],
        on_ready: Callable[[Registry], None],
        *,
        log_file: str = "",
        stay_alive: bool = True,
    ) -> None:
        """``log_file`` is the path that ``log`` writes to, if it has one; without ``stay_alive`` a reload to no service ends."""
        self._registry = registry
        self._problems = problems
        """What was wrong with the configuration in force."""
        self._policy = policy
        self._read = read
        self._log = log
        self._notifier = notifier
        self._inherited = inherited
        self._on_dump = on_dump
        self._on_ready = on_ready
        self._stay_alive = stay_alive
        self._status = 0
        self._poll = select.poll()
        self._sockets = BoundSockets(log)
        self._front = FrontProcess(front, log, self._poll)
        self._launchers = LauncherPool(log, self._poll)
        self._rpc = RpcRegistrar(log)
        self._log_files = LogFiles(log, log_file)
        self._reload_due: float | None = None
        self._last_reload = 0.0
        self._number = 0
        self._closing: dict[int, tuple[BindAddress, ...]] = {}
        """What the front does not accept from once it has applied the order of this number."""
        self._reloads: dict[int, str] = {}
        """What each reload does; it is over when the front has applied its order, or another front has begun with it."""
        self._stopping = False
        self._greeted = False
        self._wakeup: tuple[socket.socket, ...] = ()

    # ------------------------------------------------------------------ the loop

    def run(self) -> int:
        """Serves until SIGTERM, SIGINT or SIGQUIT.

        Returns 0, 1 when there was no service left to stay for, 77 when its front cannot give up root.
        """
        wakeup, wakeup_in = self._wakeup = socket.socketpair()
        wakeup.setblocking(False)
        wakeup_in.setblocking(False)
        signal.set_wakeup_fd(wakeup_in.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGUSR2, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        self._poll.register(wakeup, select.POLLIN)
        self._sockets.bind_all(self._registry, self._inherited)
        self._rpc.want(mappings_of(self._registry, self._sockets))
        self._launchers.assign(self._registry, self._policy)
        self._start_front()
        self._launchers.start_early(self._registry)
        while self._front.pid or not self._stopping:
            for fd, _ in self._poll.poll(self._next_due()):
                if fd == wakeup.fileno():
                    self._on_signals(wakeup.recv(256))
                elif fd == self._front.fileno():
                    self._on_request()
                else:
                    self._launchers.on_readable(fd)
                    if self._launchers.broken_front:
                        self._front.replace(self._launchers.broken_front)
                        self._launchers.broken_front = ""
                    self._tell_pairs()
            self._on_timers()
        self._launchers.close()
        signal.set_wakeup_fd(-1)  # launchers end only now, and the pair is closed before the last of them is heard of
        return self._status

    def _next_due(self) -> int | None:
        known = (self._front.due, self._sockets.due, self._reload_due, self._launchers.due, self._rpc.due)
        due = [moment for moment in known if moment is not None]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def _on_timers(self) -> None:
        now = time.monotonic()
        if self._front.due is not None and now >= self._front.due and not self._stopping:
            self._start_front()
        if self._sockets.due is not None and now >= self._sockets.due:
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
            self._front.tell(channels.Dump())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if number in seen:
                self._stop(number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self._launchers.stopped(pid, time.monotonic())
            elif pid == self._front.pid:
                for addresses in self._closing.values():
                    self._sockets.close(addresses)
                self._closing.clear()
                if os.waitstatus_to_exitcode(status) == EX_NOPERM and not self._greeted:
                    self._status, self._stopping = EX_NOPERM, True
                    self._sockets.close_all()
                self._front.ended(status, stopping=self._stopping)
            elif self._launchers.ended(pid, status):
                self._tell_pairs()
            elif self._launchers.orphans:
                self._front.tell(channels.Ended(pid, status))

    # ------------------------------------------------------------------ what the front is told

    def _start_front(self) -> None:
        table = self._registry.by_address()
        sockets = tuple(address for address in self._sockets if address in table)
        order = self._order(
            self._registry,
            sockets,
            {address: table[address].name for address in sockets},
            self._launchers.numbers,
            policy=self._policy,
            logs=self._log_files.open_all(self._registry),
        )

        def close_copies() -> None:
            for end in self._wakeup:
                end.close()  # whoever writes there sends the master signals
            self._sockets.close_copies()
            self._launchers.close_copies()
            self._log_files.close()

        self._front.start(order, self._fds(order), close_copies)
        self._log_files.close()

    def _order(
        self,
        services: Registry,
        sockets: tuple[BindAddress, ...],
        listeners: dict[BindAddress, str],
        launchers: tuple[int, ...],
        *,
        removed: tuple[str, ...] = (),
        closed: tuple[BindAddress, ...] = (),
        policy: PolicySnapshot | None = None,
        logs: tuple[str, ...] | None = None,
    ) -> channels.Apply:
        self._number += 1
        return channels.Apply(
            number=self._number,
            services=dict(services.services),
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
            logs=logs,
        )

    def _fds(self, order: channels.Apply) -> list[int]:
        launchers = [self._launchers.front_fd(number) for number in order.launchers]
        return self._sockets.fds(order.sockets) + launchers + self._log_files.fds(order.logs or ())

    def _apply(self, order: channels.Apply) -> None:
        self._closing[order.number] = order.closed
        self._front.tell(order, tuple(self._fds(order)))

    def _tell_pairs(self) -> None:
        fresh = self._launchers.take_new()
        if fresh:
            self._front.tell(
                channels.Pairs(fresh, self._launchers.running), tuple(self._launchers.front_fd(number) for number in fresh)
            )

    def _bind_again(self, now: float) -> None:
        opened = tuple(self._sockets.bind_again(self._registry, now))
        if opened:
            table = self._registry.by_address()
            nothing_new = Registry({}, self._registry.settings)
            listeners = {address: table[address].name for address in opened}
            self._apply(self._order(nothing_new, opened, listeners, self._launchers.take_new()))
            self._rpc.want(mappings_of(self._registry, self._sockets))

    # ------------------------------------------------------------------ what the front asks

    def _on_request(self) -> None:
        found = self._front.request()
        if found is None:
            return
        request, dump = found
        match request.word:
            case "ready":
                self._tell_ready(*self._reloads)
            case "applied":
                self._sockets.close(self._closing.pop(request.number, ()))
                self._tell_ready(request.number)
            case "policy":
                self._send_policy()
            case "renew":
                fd, failure = self._sockets.renew(request.address, self._registry)
                self._front.tell(channels.Renewed(request.address, failure), (fd,) if fd >= 0 else ())
            case "dump":
                self._write_dump(dump)
            case "stopped":
                pass  # its end follows

    def _write_dump(self, dump: bytes) -> None:
        try:
            self._on_dump(dump)
        except OSError as problem:
            self._log.message("error", f"state dump `{problem.filename}`: {problem.strerror}")

    def _tell_ready(self, *orders: int) -> None:
        for number in orders:
            if summary := self._reloads.pop(number, ""):
                self._log.message("notice", f"reload: {summary}", always=True)
        self._notifier.ready(f"{counted(len(self._registry.services), 'service')}, {counted(len(self._sockets), 'listener')}")
        if not self._greeted:
            self._greeted = True
            self._on_ready(self._registry)

    def _send_policy(self) -> None:
        settings = self._registry.settings.policy
        try:
            files, problems = load_policy(settings.hosts_allow, settings.hosts_deny)
        except (OSError, ConfigError) as problem:
            looked_at = problem.looked_at if isinstance(problem, UnusableTables) else {}
            why = problem.line() if isinstance(problem, ConfigError) else str(problem)
            self._front.tell(channels.PolicyReply(None, why, looked_at, overrides=self._launchers.overrides))
            return
        self._policy = files
        self._launchers.assign(self._registry, files)
        for found in problems[:MOST_TOLD]:
            self._log.message(found.severity.value, found.line())
        if len(problems) > MOST_TOLD:
            self._log.message(
                "warning", f"the tables have {len(problems) - MOST_TOLD} more such problems: `superd check` names them"
            )
        fresh = self._launchers.take_new()
        reply = channels.PolicyReply(files, launchers=fresh, overrides=self._launchers.overrides)
        self._front.tell(reply, tuple(self._launchers.front_fd(number) for number in fresh))

    # ------------------------------------------------------------------ reload and end

    def _reload(self) -> None:
        self._last_reload = time.monotonic()
        self._notifier.reloading()
        try:
            new, problems = self._read()
            if new_errors(self._problems, problems):
                raise ConfigError(problems)
            settings = new.settings.policy
            policy, more = load_policy(settings.hosts_allow, settings.hosts_deny)
            changes = plan(self._sockets.registry_of(self._registry), new)
            opened = self._sockets.open_all(changes)
        except ConfigError as refused:
            for found in refused.problems:
                self._log.message(found.severity.value, found.line())
            self._refuse_reload(counted(len(errors(refused.problems)), "problem"))
            return
        except (OSError, BindError) as fault:
            self._refuse_reload(str(fault))
            return
        for problem in (*problems, *more):
            self._log.message(problem.severity.value, problem.line())
        old, self._registry, self._problems, self._policy = self._registry, new, problems, policy
        self._sockets.take(opened, changes)
        self._rpc.want(mappings_of(new, self._sockets))
        self._launchers.assign(new, policy)
        changed = {name: service for name, service in new.services.items() if old.services.get(name) != service}
        table = new.by_address()
        listeners = {address: table[address].name for address in opened}
        listeners |= {address: service.name for address, service in changes.retarget}
        order = self._order(
            Registry(changed, new.settings),
            tuple(opened),
            listeners,
            self._launchers.take_new(),
            removed=tuple(name for name in old.services if name not in new.services),
            closed=changes.close,
            policy=policy,
            logs=self._log_files.open_all(new),
        )
        self._log_files.follow()
        self._reloads[order.number] = changes.summary()
        self._apply(order)
        self._log_files.close()
        if not new.services and not self._stay_alive:
            self._log.message("crit", "no service is left")
            self._status = 1
            self._stop(signal.SIGTERM)

    def _refuse_reload(self, why: str) -> None:
        # The signal may have come from who rotates logs: what is wrong with the configuration is not his fault.
        logs = self._log_files.open_all(self._registry)
        self._log_files.follow()
        self._apply(self._order(Registry({}, self._registry.settings), (), {}, self._launchers.take_new(), logs=logs))
        self._log_files.close()
        self._log.message("error", f"reload refused, nothing has changed: {why}", always=True)
        self._notifier.ready(f"reload refused: {why}")

    def _stop(self, number: int) -> None:
        settings = self._registry.settings
        again = self._stopping
        if not again:
            self._stopping = True
            self._notifier.stopping()
            self._reload_due = None
            self._rpc.close()
            self._sockets.close_all()
        end = settings.stop_sessions == "end" and number != signal.SIGQUIT
        grace = 0.0 if again or number == signal.SIGINT else settings.stop_grace
        self._log.message("notice", f"stopping on {signal.Signals(number).name}")
        self._front.tell(channels.Stop(end, grace))
