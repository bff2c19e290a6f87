"""The master: root, asleep. Binds, starts the front, launchers and readings, restarts what dies.

What: one poll(2), signals through a wakeup descriptor, a handful of timers; no event loop and no trio.
Runs in: master.
Never: reads a peer's byte: listeners are opened and passed on, and what the front asks for comes from a closed table
(``ipc/front_requests.py``). No exception of a step ends it: the step is reported, and the loop goes on.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING

from superd.exit_status import EX_FAILURE, EX_NOPERM
from superd.frozen import frozen
from superd.master.adopted import Adopted
from superd.master.child_words import ChildWords
from superd.master.control_socket import ControlSocket
from superd.master.ending import Ending
from superd.master.former_front import FormerFront
from superd.master.front_child import FrontChild
from superd.master.front_orders import FrontOrders
from superd.master.front_requests import FrontRequests
from superd.master.handing_on import HandingOn
from superd.master.key_ring import KeyRing
from superd.master.launcher_pool import LauncherPool
from superd.master.leaving import Leaving
from superd.master.listeners import BoundSockets
from superd.master.log_files import LogFiles
from superd.master.loop import Loop
from superd.master.operator_requests import OperatorRequests
from superd.master.own_processes import Children, OwnProcesses
from superd.master.readiness import Readiness
from superd.master.reading_child import ReadingChild
from superd.master.relay_pool import RelayPool
from superd.master.reloads import Reloads
from superd.master.rpc_registration import RpcRegistrar, mappings_of
from superd.master.upgrade import Own, Upgrade
from superd.master.watchdog import Watchdog
from superd.master.wishes_store import WishesStore

if TYPE_CHECKING:
    import socket

    from superd.address import BindAddress
    from superd.launch_spec import Account
    from superd.log.log import Log
    from superd.master.configuration import Read
    from superd.master.front_fork import Run
    from superd.master.in_service import InService
    from superd.master.notify import Notifier
    from superd.registry import Registry

BIND_PATIENCE = 2.0
"""Seconds that a start waits for other processes to let go of every address: the daemon before this one may just end."""
TRIAL_SECONDS = 60.0
"""Seconds in which a front of the trial of an upgrade says that it could serve."""


@frozen
class MasterParts:
    """What the master works with. ``log_file`` is the path that ``log`` writes to, if it has one.

    ``account`` is the user of front and relays; None: all of superd is one ordinary user.
    """

    read: Read
    front: Run
    log: Log
    notifier: Notifier
    inherited: dict[BindAddress, socket.socket]
    account: Account | None = None
    log_file: str = ""
    stay_alive: bool = True
    """Without it a reload to no service ends superd."""
    own: Own = field(default_factory=Own)
    configuration: str = ""
    """The digest of the names of all files that are read."""


@frozen
class MasterCallbacks:
    """Called by the master: once when everything is served that can be, and with a state dump."""

    on_ready: Callable[[Registry, dict[BindAddress, str]], None]
    """With the addresses that could not be opened, and why."""
    on_dump: Callable[[bytes], None]
    before_front: Callable[[], None]
    """Once, before the first front, while launchers start."""
    load_readers: Callable[[], None]
    """Once, when the first front was started, or the earlier front serves."""


class Master:
    """All that root holds. ``run`` returns the exit status."""

    def __init__(self, parts: MasterParts, state: InService, callbacks: MasterCallbacks) -> None:
        self._parts = parts
        self._state = state
        self._callbacks = callbacks
        self._log = log = parts.log
        self._loop = Loop(log)
        poll = self._loop.poll
        self._sockets = BoundSockets(log)
        self._front = FrontChild(parts.front, log, poll)
        self._adopted = Adopted(poll)
        self._launchers = LauncherPool(log, poll, self._adopted)
        self._relays = RelayPool(log, poll, parts.account, self._adopted)
        self._readings = ReadingChild(log, lambda: self._processes.close_copies())
        self._keys = KeyRing(log, poll, self._readings, self._relays.use_keys, self._tell_keys, time.monotonic)
        self._rpc = RpcRegistrar(log)
        self._log_files = LogFiles(log, parts.log_file)
        self._wishes = WishesStore()
        self._orders = FrontOrders(
            self._front, state, self._sockets, self._launchers, self._relays, self._log_files, self._wishes
        )  # fmt: skip
        self._operators = OperatorRequests(
            self._orders, state, self._sockets, self._wishes, log, lambda: self._processes.named(),
            lambda: self._reloads.ask(), lambda: self._reloads.ask_dry_run(),
            self._keys.certificates, lambda: self._launchers.groups.faults, configuration=parts.configuration,
        )  # fmt: skip
        self._control = ControlSocket(log, poll, parts.account, self._front.tell, self._operators)
        self._operators.control = self._control
        self._words = ChildWords(log, poll)
        self._requests = FrontRequests(
            self._front, self._orders, self._launchers, self._sockets, self._relays, state, log,
            ready=self._on_front_ready, write_dump=callbacks.on_dump,
            applied=lambda number: self._reloads.on_applied(number), read_policy=lambda: self._reloads.ask_tables(),
        )  # fmt: skip
        self._upgrade = Upgrade(log, parts.notifier, parts.own)
        self._former = FormerFront(parts.own.table["front"] if parts.own.table else None)
        self._handing_on = HandingOn(
            self._front, self._sockets, self._launchers, self._relays, self._words, self._orders, self._adopted,
            self._wishes,
        )  # fmt: skip
        self._leaving = Leaving(parts.own, self._handing_on, self._adopted)
        self._watchdog = Watchdog(parts.notifier, parts.own.environ, self._front)
        self._readiness = Readiness(state, self._sockets, parts.notifier, self._keys.unusable, self._on_first_ready)
        self._reloads = Reloads(
            parts.read, log, parts.notifier, state, self._readings, self._sockets, self._launchers, self._orders,
            self._operators, self._readiness,
            configure=self._configure, on_broken=self._front.distrust,
            on_empty=None if parts.stay_alive else lambda: self._ending.nothing_left(),
        )  # fmt: skip
        own = Children(
            self._front, self._former, self._launchers, self._relays, self._readings, self._control, self._upgrade,
            self._words, self._keys, self._adopted,
        )  # fmt: skip
        self._processes = OwnProcesses(
            self._loop, own, self._orders, self._sockets, self._log_files, parts.own,
            on_powerless=self._on_powerless, on_trial_passed=self._replace_program,
            on_leaving=lambda kept, waiting: self._ending.leave(kept, waiting),
        )  # fmt: skip
        self._ending = Ending(
            log, parts.notifier, state, self._orders, self._front, self._former, self._processes, self._leaving,
            (self._readiness, self._reloads, self._processes), self._close_listeners,
        )  # fmt: skip
        self._patience: float | None = None

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGQUIT.

        Returns 0; 1 when no address could be opened, or no service was left to stay for; 77 when its front cannot give up root.
        """
        self._loop.take_signals()
        table = self._parts.own.table
        if table is not None:
            self._handing_on.take_over(table)
        self._launchers.stderr = self._relays.stderr = self._control.stderr = self._words.stderr
        self._sockets.bind_all(self._state.registry, self._parts.inherited)
        if table is not None:
            self._orders.lent_before(table["lent"])
        if self._sockets.forbidden():
            self._log.message("crit", "superd ends: it can open no address, and waiting would not help")
            self._log.flush()
            return EX_FAILURE
        if self._sockets.all_in_use():
            self._patience = time.monotonic() + BIND_PATIENCE
        else:
            self._begin()
        self._processes.reap()
        timers = (
            self._on_timers,
            self._processes.on_timer,
            self._reloads.on_timer,
            self._launchers.on_timer,
            self._relays.on_timer,
            self._keys.on_timer,
            self._control.on_timer,
            self._words.on_timer,
            self._readings.on_timer,
            self._rpc.on_timer,
            self._former.on_timer,
            self._upgrade.on_timer,
            self._watchdog.on_timer,
            self._ending.on_timer,
        )
        while self._front.pid or self._former.pid or not self._ending.stopping:
            self._loop.turn(self._moments(), self._on_event, timers)
        self._loop.guarded("the end", self._at_end)
        return self._ending.status

    def trial(self) -> int:
        """Have a front begin with this configuration and without a listener; return 0 when it could serve."""
        self._front.start(self._orders.begin(), self._processes.close_copies)
        self._orders.close_logs()
        ready = self._front.says_ready(TRIAL_SECONDS)
        self._front.end_now()
        return 0 if ready else EX_FAILURE

    def _begin(self) -> None:
        self._patience = None
        self._reloads.begin()
        if problem := self._wishes.load():
            self._log.message("error", f"earlier bans cannot be read, and do not hold: {problem}")
        self._configure()
        self._control.open(self._state.registry.settings)
        self._launchers.start_early(self._state.registry)
        self._callbacks.before_front()
        if self._former.pid:
            self._callbacks.load_readers()  # the earlier front serves meanwhile
            self._former.retire()
            return
        table = self._parts.own.table
        self._processes.go_on(*self._leaving.taken(table)) if table is not None else self._processes.go_on(b"")
        self._callbacks.load_readers()

    def _configure(self) -> None:
        """Have the parts follow what is served now."""
        state = self._state
        self._rpc.want(mappings_of(state.registry, self._sockets))
        self._launchers.assign(state.assignment)
        self._relays.configure(state.registry.settings)
        self._keys.configure(state.registry.services)
        self._orders.certificate_ends = self._keys.ends
        self._control.configure(state.registry.settings, state.operators)

    def _tell_keys(self) -> None:
        self._orders.certificate_ends = self._keys.ends
        self._orders.relays()
        self._readiness.again()

    def _at_end(self) -> None:
        if self._ending.left:
            self._control.close()
            return
        self._close_listeners()
        self._control.close()
        self._launchers.close()
        self._relays.close()
        self._loop.let_signals_go()  # launchers end only now, and the pair is closed before the last of them is reaped

    def _moments(self) -> tuple[float | None, ...]:
        """Return when each part has something to do."""
        return (
            self._front.due, self._sockets.due, self._reloads.due, self._launchers.due, self._rpc.due, self._readings.due,
            self._ending.due, self._patience, self._processes.due, self._log.due, self._relays.due, self._former.due,
            self._upgrade.due, self._control.due, self._words.due, self._keys.due, self._watchdog.due,
        )  # fmt: skip

    def _on_event(self, fd: int, events: int) -> None:
        if fd == self._loop.fileno():
            self._on_signals(self._loop.signals())
        elif fd == self._front.fileno():
            try:
                self._front.on_ready(self._requests, events)
            except Exception:
                self._front.distrust("the master failed to carry out a request")  # its answer may never come
                raise
        elif not any(part.on_readable(fd) for part in (self._relays, self._keys, self._control, self._words, self._adopted)):
            complaint = self._launchers.on_readable(fd)
            if complaint:
                self._front.replace(complaint)
            self._orders.pairs()

    def _on_timers(self, now: float) -> None:
        if self._sockets.due is not None and now >= self._sockets.due:
            self._bind_again()
        if self._patience is not None and now >= self._patience and not self._ending.stopping:
            self._log.message("crit", "superd ends: other processes have every address")
            self._ending.begin(EX_FAILURE)

    def _on_signals(self, seen: set[int]) -> None:
        if signal.SIGCHLD in seen:
            self._processes.reap()
        if signal.SIGHUP in seen:
            self._reloads.ask()
        if signal.SIGUSR1 in seen:
            self._front.ask_dump()
        if signal.SIGUSR2 in seen and not self._ending.stopping:
            self._upgrade.ask()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if number in seen and not (number == signal.SIGTERM and self._ending.leave_room()):
                self._ending.stop(number)

    def _replace_program(self) -> None:
        """Execute superd as it is on disk in this process; what fails leaves everything as it is."""
        self._log.flush()
        try:
            table, fds = self._handing_on.table()
        except OSError as problem:
            self._upgrade.failed(problem.strerror or str(problem))
            return
        try:
            self._upgrade.replace_program(table, fds)
        except OSError as problem:
            self._handing_on.take_back(table)
            self._upgrade.failed(problem.strerror or str(problem))

    # ------------------------------------------------------------------ what is served

    def _on_front_ready(self) -> None:
        self._reloads.on_front_ready()
        self._report_ready()

    def _report_ready(self) -> None:
        self._readiness.report()
        if not self._ending.stopping:
            self._upgrade.served()

    def _on_first_ready(self) -> None:
        table = self._parts.own.table
        if table is None or table["front"] is None:
            on_ready = self._callbacks.on_ready
            self._loop.guarded("the table of services", on_ready, self._state.registry, self._sockets.missing())

    def _bind_again(self) -> None:
        opened = self._sockets.bind_again(self._state.registry)
        if not opened:
            return
        if self._patience is not None and not self._ending.stopping:
            self._begin()
            return
        self._orders.opened(opened)
        self._rpc.want(mappings_of(self._state.registry, self._sockets))
        self._report_ready()

    def _on_powerless(self) -> None:
        """A front could not give up root."""
        if not self._readiness.reported:
            self._ending.begin(EX_NOPERM)

    def _close_listeners(self) -> None:
        self._rpc.close()
        self._sockets.close_all()
