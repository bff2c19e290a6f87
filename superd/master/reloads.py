"""Readings of the configuration and of the tables, from a request for one until the front has applied what was read.

Runs in: master.
Never: reads a file itself: a child does (``master/reading_child.py``), and this takes its value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.log.event import Kind
from superd.master.configuration import Configuration, Read, Tables, Unusable
from superd.master.launcher_bundle import launcher_bundle
from superd.master.reading_child import Reading
from superd.master.reload import Refused, Reloaded, refusal, reload
from superd.plan import describe_changes, plan, summary
from superd.settings import needing_restart

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.master.front_orders import FrontOrders
    from superd.master.in_service import InService
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.notify import Notifier
    from superd.master.operator_requests import OperatorRequests
    from superd.master.readiness import Readiness
    from superd.master.reading_child import ReadingChild
    from superd.problem import Problem

MOST_LOGGED = 50
"""Warnings of one reading of the tables that are logged: a list that grows every minute has the same each time."""
RELOAD_PAUSE = 0.1
"""Seconds between two reloads at least: a storm of SIGHUPs is one or two of them."""


class Reloads:
    """``configure`` makes the other parts of the master follow the state; ``on_broken`` takes why a reload stopped halfway.

    ``on_empty`` is called when no service is left; None: superd stays all the same.
    """

    def __init__(
        self,
        read: Read,
        log: Log,
        notifier: Notifier,
        state: InService,
        readings: ReadingChild,
        sockets: BoundSockets,
        launchers: LauncherPool,
        orders: FrontOrders,
        operators: OperatorRequests,
        readiness: Readiness,
        *,
        configure: Callable[[], None],
        on_broken: Callable[[str], None],
        on_empty: Callable[[], None] | None,
    ) -> None:
        self._read = read
        self._log = log
        self._notifier = notifier
        self._state = state
        self._readings = readings
        self._sockets = sockets
        self._launchers = launchers
        self._orders = orders
        self._operators = operators
        self._readiness = readiness
        self._configure = configure
        self._on_broken = on_broken
        self._on_empty = on_empty
        self._asked: float | None = None
        self._last = 0.0
        self._begun = self._stopping = False
        self._summaries: dict[int, str] = {}
        """What each reload does; it is over when the front has applied its order, or another front has begun with it."""
        self._changes: dict[int, object] = {}

    @property
    def due(self) -> float | None:
        """When ``on_timer`` has something to do (monotonic), or None."""
        return self._asked if self._begun else None

    def begin(self) -> None:
        """Take requests from here on: something is served. One that came before is carried out now."""
        self._begun = True

    def stop(self) -> None:
        """Read nothing more."""
        self._stopping = True
        self._asked = None
        self._readings.forget()

    def ask(self) -> None:
        """Reload as soon as the pause after the last reload is over."""
        if not self._stopping:
            self._asked = max(time.monotonic(), self._last + RELOAD_PAUSE)

    def on_timer(self, now: float) -> None:
        """Begin the reading that is due."""
        if self.due is None or now < self.due:
            return
        self._asked = None
        self._last = now
        self._notifier.reloading()
        launcher_bundle().report_replaced(self._log)
        self._readings.ask(Reading("reload", self._configuration, self._on_configuration))

    def ask_dry_run(self) -> None:
        """Read the configuration and answer the operator what a reload would do."""
        self._readings.ask(Reading("dry run", self._configuration, self._on_dry_run))

    def ask_tables(self) -> None:
        """Read hosts.allow and hosts.deny for the front."""
        registry, policy = self._state.registry, self._state.policy

        def tables() -> object:
            from superd.master.reading import read_tables

            return read_tables(registry, policy)

        self._readings.ask(Reading("policy", tables, self._on_tables))

    def _configuration(self) -> object:
        """In the child that reads."""
        from superd.master.reading import read_configuration

        return read_configuration(self._read, before=self._state.policy)

    # ------------------------------------------------------------------ what was read

    def _on_dry_run(self, found: object) -> None:
        assert isinstance(found, (Configuration, Unusable))
        if refused := refusal(self._state, found):
            self._operators.on_dry_run("refused", refused.why, refused.problems, None)
            return
        assert isinstance(found, Configuration)
        changes = plan(self._state.registry, found.registry)
        described = describe_changes(self._state.registry, changes, found.registry)
        self._operators.on_dry_run("done", summary(described), found.problems, described)

    def _on_tables(self, found: object) -> None:
        if not isinstance(found, Tables):
            assert isinstance(found, Unusable)
            if not found.unsettled:
                self._state.tables_refused = found.problems
            self._orders.no_policy(found)
            return
        self._state.policy, self._state.assignment = found.policy, found.assignment
        self._state.policy_problems, self._state.tables_refused = found.problems, ()
        self._launchers.assign(found.assignment)
        self._report(found.problems)
        self._orders.policy()

    def _on_configuration(self, found: object) -> None:
        assert isinstance(found, (Configuration, Unusable))
        if self._stopping:
            return
        outcome = reload(self._state, found, self._sockets)
        if isinstance(outcome, Refused):
            self._refused(outcome)
            return
        self._report((*outcome.found.problems, *outcome.found.policy_problems), most=None)
        try:
            self._put_into_force(outcome)
        except Exception:
            # Half a reload: a front that begins anew gets all that the master holds.
            self._on_broken("a reload could not be completed")
            self._notifier.ready("a reload could not be completed")
            why = "it could not be completed; a new front takes over what the master has"
            self._operators.on_reloaded("refused", why, (), None)
            raise

    def _refused(self, outcome: Refused) -> None:
        for problem in outcome.problems:
            self._log.message(problem.severity, problem.line(), kind=Kind.PROBLEM)
        # The signal may have come from a rotation of logs: the configuration is not its fault.
        self._orders.log_files()
        self._log.message("error", f"reload refused, nothing has changed: {outcome.why}", kind=Kind.RELOAD_REFUSED, always=True)
        self._notifier.ready(f"reload refused: {outcome.why}")
        self._operators.on_reloaded("refused", outcome.why, outcome.problems, None, time.monotonic() - self._last)

    def _put_into_force(self, outcome: Reloaded) -> None:
        state, new = self._state, outcome.found
        old_settings = state.registry.settings
        changes = describe_changes(state.registry, outcome.changes, new.registry)
        state.take(new)
        for key in needing_restart(old_settings, new.registry.settings):
            self._log.message("warning", f"`{key}` in superd.toml counts from the next start: restart superd")
        self._sockets.take(outcome.opened, outcome.changes)
        self._log.configure(new.registry.settings)
        self._configure()
        number = self._orders.reloaded(outcome)
        self._orders.relays()
        self._summaries[number], self._changes[number] = summary(changes), changes
        if not new.registry.services and self._on_empty is not None:
            self._log.message("crit", "no service is left: superd ends")
            self._on_empty()

    def _report(self, problems: tuple[Problem, ...], most: int | None = MOST_LOGGED) -> None:
        for problem in problems[:most]:
            self._log.message(problem.severity, problem.line(), kind=Kind.PROBLEM)
        if most is not None and len(problems) > most:
            self._log.message("warning", f"the tables have {len(problems) - most} more such problems: run `superd check`")

    # ------------------------------------------------------------------ what the front has applied

    def on_applied(self, number: int) -> None:
        """The front has applied an order; if it was a reload's, the reload is over."""
        self._operators.on_applied(number)
        if said := self._summaries.pop(number, ""):
            self._log.message("notice", f"reload: {said}{self._readiness.missing()}", kind=Kind.RELOAD, always=True)
            seconds = time.monotonic() - self._last
            self._operators.on_reloaded("done", said, self._state.problems, self._changes.pop(number, None), seconds)
            self._readiness.report()

    def on_front_ready(self) -> None:
        """A new front began with everything that was ordered."""
        for number in tuple(self._summaries):
            self.on_applied(number)
        self._operators.on_front_ready()
