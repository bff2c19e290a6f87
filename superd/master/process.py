"""The master: root, asleep. Binds, starts the front, launchers and readings, restarts what dies.

What: one poll(2), signals through a wakeup descriptor, a handful of timers; no event loop and no trio.
Runs in: master.
Never: reads a peer's byte: listeners are opened and passed on, and what the front asks for comes from a closed table
(``ipc/front_requests.py``). No exception of a step ends it: the step is reported, and the loop goes on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from superd.counted import counted
from superd.exit_status import EX_FAILURE, EX_NOPERM
from superd.ipc.front_orders import LAST_GRACE
from superd.log.event import Kind
from superd.master.child_words import ChildWords
from superd.master.children import Reaper
from superd.master.control_socket import ControlSocket
from superd.master.former_front import FormerFront
from superd.master.front_child import FrontChild, Run
from superd.master.front_orders import FrontOrders
from superd.master.front_requests import FrontRequests
from superd.master.launcher_bundle import launcher_bundle
from superd.master.launcher_pool import LauncherPool
from superd.master.listeners import BoundSockets
from superd.master.log_files import LogFiles
from superd.master.operator_requests import OperatorRequests
from superd.master.reading import Configuration, Read, Tables, Unusable, read_configuration, read_tables
from superd.master.reading_child import Reading, ReadingChild
from superd.master.relay_pool import RelayPool
from superd.master.reload import Refused, Reloaded, refusal, reload
from superd.master.rpc_registration import RpcRegistrar, mappings_of
from superd.master.upgrade import Own, Upgrade
from superd.master.wishes_store import WishesStore
from superd.plan import describe_changes, plan
from superd.settings import needing_restart

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.ipc.front_orders import Begin
    from superd.launch_spec import Account
    from superd.log.log import Log
    from superd.master.in_service import InService
    from superd.master.notify import Notifier
    from superd.problem import Problem
    from superd.registry import Registry

MOST_LOGGED = 50
"""Warnings of one reading of the tables that are logged: a list that grows every minute has the same each time."""
RELOAD_PAUSE = 0.1
"""Seconds between two reloads at least: a storm of SIGHUPs is one or two of them."""
BIND_PATIENCE = 2.0
"""Seconds that a start waits for other processes to let go of every address: the daemon before this one may just end."""
REST = 0.05
"""Seconds the loop rests after an error that no step expected, so that one that repeats does not cost a core."""
REHEARSAL_SECONDS = 60.0
"""Seconds in which a front of the trial of an upgrade says that it could serve."""
KILL_GRACE = 5.0
"""Seconds over its own time that a front gets to end."""

_SIGNALS = (
    signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class MasterHooks:
    """Called by the master: once when everything is served that can be, and with a state dump."""

    on_ready: Callable[[Registry, dict[BindAddress, str]], None]
    """With the addresses that could not be opened, and why."""
    on_dump: Callable[[bytes], None]


class Master:
    """All that root holds. ``run`` returns the exit status."""

    def __init__(self, parts: MasterParts, state: InService, hooks: MasterHooks) -> None:
        self._parts = parts
        self._state = state
        self._hooks = hooks
        self._log = log = parts.log
        self._status = 0
        self._poll = select.poll()
        self._sockets = BoundSockets(log)
        self._front = FrontChild(parts.front, log, self._poll)
        self._launchers = LauncherPool(log, self._poll)
        self._relays = RelayPool(log, self._poll, parts.account)
        self._readings = ReadingChild(log, self._close_copies)
        self._rpc = RpcRegistrar(log)
        self._log_files = LogFiles(log, parts.log_file)
        self._wishes = WishesStore()
        self._orders = FrontOrders(
            self._front, state, self._sockets, self._launchers, self._relays, self._log_files, self._wishes
        )  # fmt: skip
        self._operators = OperatorRequests(
            self._orders, state, self._sockets, self._wishes, log, self._processes, self._reload_now, self._dry_run,
            parts.configuration,
        )  # fmt: skip
        self._control = ControlSocket(log, self._poll, parts.account, self._front.tell, self._operators)
        self._operators.control = self._control
        self._words = ChildWords(log, self._poll)
        self._requests = FrontRequests(
            self._front, self._orders, self._launchers, self._sockets, self._relays, state, log,
            ready=self._on_front_ready, applied=self._on_applied, read_policy=self._read_policy, write_dump=hooks.on_dump,
        )  # fmt: skip
        self._reaper = Reaper()
        self._upgrade = Upgrade(log, parts.notifier, parts.own)
        self._former = FormerFront(parts.own.table["front"] if parts.own.table else None)
        self._reload_due: float | None = None
        self._last_reload = 0.0
        self._reloads: dict[int, str] = {}
        """What each reload does; it is over when the front has applied its order, or another front has begun with it."""
        self._changes: dict[int, object] = {}
        self._close_at: float | None = None
        """When a stopping superd closes its listeners."""
        self._patience: float | None = None
        self._stopping = False
        self._greeted = False
        self._wakeup: tuple[socket.socket, ...] = ()

    # ------------------------------------------------------------------ the loop

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGQUIT.

        Returns 0; 1 when no address could be opened, or no service was left to stay for; 77 when its front cannot give up root.
        """
        wakeup, wakeup_in = self._wakeup = socket.socketpair()
        wakeup.setblocking(False)
        wakeup_in.setblocking(False)
        signal.set_wakeup_fd(wakeup_in.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # an upgrade has held them back
        self._poll.register(wakeup, select.POLLIN)
        launcher_bundle()  # of the files as they are now
        state = self._state
        self._take_over()
        self._launchers.stderr = self._relays.stderr = self._control.stderr = self._words.stderr
        self._sockets.bind_all(state.registry, self._parts.inherited)
        if self._parts.own.table is not None:
            self._orders.lent_before(self._parts.own.table["lent"])
        if self._sockets.forbidden():
            self._log.message("crit", "no address can be opened, and waiting will not help; superd ends")
            self._log.flush()
            return EX_FAILURE
        if self._sockets.all_in_use():
            self._patience = time.monotonic() + BIND_PATIENCE
        else:
            self._begin()
        self._reap()
        while self._front.pid or self._former.pid or not self._stopping:
            for fd, events in self._poll.poll(self._next_due()):
                self._guarded("an event", self._on_event, fd, events)
            for step in (
                self._on_timers,
                self._launchers.on_timer,
                self._relays.on_timer,
                self._control.on_timer,
                self._words.on_timer,
                self._readings.on_timer,
                self._rpc.on_timer,
                self._former.on_timer,
                self._upgrade.on_timer,
            ):
                self._guarded("a timer", step, time.monotonic())
            self._guarded("the log", self._log.flush)
        self._guarded("the end", self._at_end)
        return self._status

    def rehearse(self) -> int:
        """Have a front begin with this configuration and without a listener; return 0 when it could serve."""
        self._front.start(self._orders.begin(), self._close_copies)
        self._orders.close_logs()
        ready = self._front.says_ready(REHEARSAL_SECONDS)
        self._front.end_now()
        return 0 if ready else EX_FAILURE

    def _take_over(self) -> None:
        """Go on with what this process's earlier program had, as its table says."""
        table = self._parts.own.table
        if table is not None:
            self._sockets.bound_before(table["listeners"])
            self._launchers.take_over(table["launchers"])
            self._words.take_over(table["words"])
            if table["protocol"] == launcher_bundle().protocol:
                self._relays.take_over(table["relays"])

    def _begin(self) -> None:
        self._patience = None
        if problem := self._wishes.load():
            self._log.message("error", f"the bans of before cannot be read: {problem}")
        self._control.configure(self._state.registry.settings, self._state.operators)
        self._control.open(self._state.registry.settings)
        self._rpc.want(mappings_of(self._state.registry, self._sockets))
        self._launchers.assign(self._state.assignment)
        self._relays.configure(self._state.registry.settings)
        if self._former.pid:
            self._former.retire()
        else:
            self._start_front()
        self._launchers.start_early(self._state.registry)

    def _at_end(self) -> None:
        self._close_listeners()
        self._control.close()
        self._launchers.close()
        self._relays.close()
        signal.set_wakeup_fd(-1)  # launchers end only now, and the pair is closed before the last of them is reaped

    def _guarded(self, what: str, step: Callable[..., None], *arguments: object) -> None:
        """Run one step; an exception that it did not expect is reported once in a while, and ends nothing."""
        try:
            step(*arguments)
        except Exception as fault:  # noqa: BLE001 - the one place: whatever a step meets, the others are still served
            frame = fault.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f" ({os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno})" if frame is not None else ""
            text = " ".join(f"{type(fault).__name__} {fault}".split())[:300]
            with contextlib.suppress(Exception):  # the log itself may have failed, without memory
                self._log.message("alert", f"{what} failed: {text}{where}; superd goes on")
            time.sleep(REST)

    def _next_due(self) -> int | None:
        known = (
            self._front.due, self._sockets.due, self._reload_due, self._launchers.due, self._rpc.due, self._readings.due,
            self._close_at, self._patience, self._reaper.due, self._log.due, self._relays.due, self._former.due,
            self._upgrade.due, self._control.due, self._words.due,
        )  # fmt: skip
        due = [moment for moment in known if moment is not None]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def _on_event(self, fd: int, events: int) -> None:
        if fd == self._wakeup[0].fileno():
            self._on_signals(self._wakeup[0].recv(256))
        elif fd == self._front.fileno():
            try:
                self._front.on_ready(self._requests, events)
            except Exception:
                self._front.distrust("the master failed to carry out a request")  # its answer may never come
                raise
        elif not any(part.on_readable(fd) for part in (self._relays, self._control, self._words)):
            complaint = self._launchers.on_readable(fd)
            if complaint:
                self._front.replace(complaint)
            self._orders.pairs()

    def _on_timers(self, now: float) -> None:
        self._front.on_timer(now)
        if self._front.start_at is not None and now >= self._front.start_at and not self._stopping:
            self._start_front()
        if self._sockets.due is not None and now >= self._sockets.due:
            self._bind_again()
        if self._patience is not None and now >= self._patience:
            self._log.message("crit", "other processes have every address; superd ends")
            self._status, self._stopping, self._patience = EX_FAILURE, True, None
        if self._reload_due is not None and now >= self._reload_due and self._patience is None:
            self._reload_due = None
            self._last_reload = now
            self._parts.notifier.reloading()
            self._launchers.look_at_disk()
            self._readings.ask(
                Reading("reload", lambda: read_configuration(self._parts.read, before=self._state.policy), self._on_configuration)
            )
        if self._close_at is not None and now >= self._close_at:
            self._close_listeners()
        if self._reaper.due is not None and now >= self._reaper.due:
            self._reap()

    def _on_signals(self, numbers: bytes) -> None:
        seen = set(numbers)
        if signal.SIGCHLD in seen:
            self._reap()
        if signal.SIGHUP in seen and not self._stopping:
            self._reload_now()
        if signal.SIGUSR1 in seen:
            self._front.ask_dump()
        if signal.SIGUSR2 in seen and not self._stopping:
            self._upgrade.ask()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            if number in seen:
                self._stop(number)

    # ------------------------------------------------------------------ children

    def _reap(self) -> None:
        for pid, status in self._reaper.sweep(self._children(), time.monotonic()):
            self._guarded("the end of a child", self._on_child, pid, status)

    def _on_child(self, pid: int, status: int) -> None:
        if os.WIFSTOPPED(status):
            if pid == self._front.pid:
                self._front.stopped()
            else:
                self._launchers.stopped(pid, time.monotonic())
                self._relays.stopped(pid, time.monotonic())
                self._control.stopped(pid, time.monotonic())
        elif pid == self._front.pid:
            self._on_front_ended(status)
        elif pid == self._former.pid:
            self._on_former_front_ended(status)
        elif pid == self._upgrade.pid:
            if self._upgrade.passed(status) and not self._stopping:
                self._replace_program()
        elif self._readings.ended(pid, status) or self._control.ended(pid, status):
            pass
        elif self._relays.ended(pid, status):
            self._orders.relays()
        elif self._launchers.ended(pid, status, (self._front.pid, *self._relays.pids(), self._control.pid)):
            self._orders.orphaned()
            self._orders.pairs()
        elif self._launchers.any_died:
            self._orders.ended(pid, status)

    def _children(self) -> tuple[int, ...]:
        return (self._front.pid, *self._launchers.pids(), *self._relays.pids(), self._control.pid)

    def _processes(self) -> list[tuple[str, int]]:
        """Return kind and pid of superd's processes."""
        found = [("master", os.getpid())]
        kinds = (("front", (self._front.pid,)), ("panel", (self._control.pid,)), ("relay", self._relays.pids()))
        for kind, pids in (*kinds, ("launcher", self._launchers.pids())):
            found += [(kind, pid) for pid in pids if pid]
        return found

    def _on_front_ended(self, status: int) -> None:
        self._orders.front_ended()
        if os.waitstatus_to_exitcode(status) == EX_NOPERM and not self._greeted:
            self._status, self._stopping = EX_NOPERM, True
        self._front.ended(status, stopping=self._stopping)

    def _on_former_front_ended(self, status: int) -> None:
        kept = self._former.ended(status)
        table = self._parts.own.table
        if table is not None and table["protocol"] != launcher_bundle().protocol:
            self._launchers.replace_all()
        if not self._stopping:
            self._start_front(kept)

    def _start_front(self, kept: bytes = b"") -> None:
        try:
            begin = self._orders.begin(kept)
            self._front.start(begin, lambda: self._become_front(begin))
        except OSError as problem:
            self._front.cannot_start(problem.strerror or str(problem))
        else:
            self._orders.relays(all_of_them=True)
            self._control.front_started()
            self._orders.ended_meanwhile()
        finally:
            self._orders.close_logs()

    def _become_front(self, begin: Begin) -> None:
        """In the front: close what only the master may hold, but not the listeners, which are the front's from here."""
        self._sockets.give_up(frozenset(begin.first.sockets.values()))
        self._close_copies()

    def _close_copies(self) -> None:
        """In a child: close what only the master may hold."""
        for end in self._wakeup:
            end.close()  # what is written there reaches the master as signals
        self._front.close_copies()
        self._former.close_copies()
        self._sockets.close_copies()
        self._launchers.close_copies()
        self._relays.close_copies()
        self._control.close_copies()
        self._words.close_copies()
        self._log_files.close()

    # ------------------------------------------------------------------ upgrade

    def _replace_program(self) -> None:
        """Execute superd as it is on disk in this process; what fails leaves everything as it is."""
        self._log.flush()
        try:
            front = self._front.prepare_retirement()
        except OSError as problem:
            self._upgrade.failed(problem.strerror or str(problem))
            return
        listeners, launchers, relays = self._sockets.table(), self._launchers.table(), self._relays.table()
        table = {
            "front": front,
            "listeners": listeners,
            "launchers": launchers,
            "relays": relays,
            "lent": self._orders.lent(),
            "words": self._words.table(),
            "protocol": launcher_bundle().protocol,
        }
        fds = [front["go"], front["memory"], front["channel"], *self._words.table(), *(row["fd"] for row in listeners)]
        for row in launchers["slots"]:
            fds += [row["front"], row["launcher"], *(row["process"][1:] if row["process"] else ())]
        for relay in relays:
            fds += [relay["front"], relay["relay"]]
        try:
            self._upgrade.replace_program(table, fds)
        except OSError as problem:
            os.close(front["go"])  # the front sees its end, and goes on
            os.close(front["memory"])
            self._upgrade.failed(problem.strerror or str(problem))

    # ------------------------------------------------------------------ what is served

    def _on_front_ready(self) -> None:
        for number in tuple(self._reloads):
            self._on_applied(number)
        self._operators.on_front_ready()
        self._report_ready()

    def _on_applied(self, number: int) -> None:
        self._operators.on_applied(number)
        if summary := self._reloads.pop(number, ""):
            self._log.message("notice", f"reload: {summary}{self._missing()}", kind=Kind.RELOAD, always=True)
            self._operators.on_reloaded("done", summary, self._state.problems, self._changes.pop(number, None))
            self._report_ready()

    def _report_ready(self) -> None:
        if self._stopping:
            return
        services, listeners = len(self._state.registry.services), len(self._sockets)
        self._parts.notifier.ready(f"{counted(services, 'service')}, {counted(listeners, 'listener')}{self._missing()}")
        self._upgrade.served()
        if not self._greeted:
            self._greeted = True
            if self._parts.own.table is None:
                self._guarded("the table of services", self._hooks.on_ready, self._state.registry, self._sockets.missing())

    def _missing(self) -> str:
        missing = [f"{address.describe()} ({why})" for address, why in self._sockets.missing().items()]
        if not missing:
            return ""
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return f"; not listening on {', '.join(missing[:5])}{more}"

    def _bind_again(self) -> None:
        opened = self._sockets.bind_again(self._state.registry)
        if not opened:
            return
        if self._patience is not None:
            self._begin()
            return
        self._orders.opened(opened)
        self._rpc.want(mappings_of(self._state.registry, self._sockets))
        self._report_ready()

    # ------------------------------------------------------------------ readings

    def _reload_now(self) -> None:
        self._reload_due = max(time.monotonic(), self._last_reload + RELOAD_PAUSE)

    def _dry_run(self) -> None:
        reading = Reading("dry run", lambda: read_configuration(self._parts.read, before=self._state.policy), self._on_dry_run)
        self._readings.ask(reading)

    def _on_dry_run(self, found: object) -> None:
        assert isinstance(found, (Configuration, Unusable))
        if why := refusal(self._state, found):
            self._operators.on_dry_run("refused", why, found.problems, None)
            return
        assert isinstance(found, Configuration)
        changes = plan(self._state.registry, found.registry)
        described = describe_changes(self._state.registry, changes, found.registry)
        self._operators.on_dry_run("done", changes.summary(), found.problems, described)

    def _read_policy(self) -> None:
        registry, policy = self._state.registry, self._state.policy
        self._readings.ask(Reading("policy", lambda: read_tables(registry, policy), self._on_tables))

    def _on_tables(self, found: object) -> None:
        if not isinstance(found, Tables):
            assert isinstance(found, Unusable)
            self._orders.no_policy(found)
            return
        self._state.policy, self._state.assignment = found.policy, found.assignment
        self._launchers.assign(found.assignment)
        self._report(found.problems)
        self._orders.policy()

    def _on_configuration(self, found: object) -> None:
        assert isinstance(found, (Configuration, Unusable))
        if self._stopping:
            return
        outcome = reload(self._state, found, self._sockets)
        if isinstance(outcome, Refused):
            for problem in outcome.problems:
                self._log.message(problem.severity, problem.line(), kind=Kind.PROBLEM)
            # The signal may have come from a rotation of logs: the configuration is not its fault.
            self._orders.log_files()
            self._log.message(
                "error", f"reload refused, nothing has changed: {outcome.why}", kind=Kind.RELOAD_REFUSED, always=True
            )
            self._parts.notifier.ready(f"reload refused: {outcome.why}")
            self._operators.on_reloaded("refused", outcome.why, outcome.problems, None)
            return
        self._report((*outcome.found.problems, *outcome.found.policy_problems), most=None)
        try:
            self._put_into_force(outcome)
        except Exception:
            # Half a reload: a front that begins anew gets all that the master holds.
            self._front.distrust("a reload could not be completed")
            self._parts.notifier.ready("a reload could not be completed")
            why = "it could not be completed; a new front takes over what the master has"
            self._operators.on_reloaded("refused", why, (), None)
            raise

    def _put_into_force(self, outcome: Reloaded) -> None:
        state, new = self._state, outcome.found
        old_settings = state.registry.settings
        changes = describe_changes(state.registry, outcome.changes, new.registry)
        state.registry, state.problems, state.policy, state.assignment, state.operators = (
            new.registry, new.problems, new.policy, new.assignment, new.operators,
        )  # fmt: skip
        for key in needing_restart(old_settings, new.registry.settings):
            self._log.message("warning", f"`{key}` in superd.toml counts from the next start: restart superd")
        self._sockets.take(outcome.opened, outcome.changes)
        self._log.configure(new.registry.settings)
        self._rpc.want(mappings_of(new.registry, self._sockets))
        self._launchers.assign(new.assignment)
        self._relays.configure(new.registry.settings)
        self._control.configure(new.registry.settings, new.operators)
        number = self._orders.reloaded(outcome)
        self._orders.relays()
        self._reloads[number], self._changes[number] = outcome.changes.summary(), changes
        if not new.registry.services and not self._parts.stay_alive:
            self._log.message("crit", "no service is left")
            self._status = EX_FAILURE
            self._stop(signal.SIGTERM)

    def _report(self, problems: tuple[Problem, ...], most: int | None = MOST_LOGGED) -> None:
        for problem in problems[:most]:
            self._log.message(problem.severity, problem.line(), kind=Kind.PROBLEM)
        if most is not None and len(problems) > most:
            self._log.message("warning", f"the tables have {len(problems) - most} more such problems: run `superd check`")

    # ------------------------------------------------------------------ the end

    def _stop(self, number: int) -> None:
        settings = self._state.registry.settings
        again = self._stopping
        self._log.message("notice", f"stopping on {signal.Signals(number).name}", kind=Kind.STOPPING)
        self._log.flush()  # before the front's own words
        if not again:
            self._stopping = True
            self._parts.notifier.stopping()
            self._reload_due = self._patience = None
            self._readings.forget()
        end = settings.stop_sessions == "end" and number != signal.SIGQUIT
        grace = 0.0 if again or number == signal.SIGINT or not end else settings.stop_grace
        # Listeners are open until the grace is over: the front accepts so long, and a restart loses less.
        self._close_at = time.monotonic() + grace
        self._orders.stop(end=end, grace=grace)
        self._front.end_within(grace + LAST_GRACE + KILL_GRACE)

    def _close_listeners(self) -> None:
        self._close_at = None
        self._rpc.close()
        self._sockets.close_all()
