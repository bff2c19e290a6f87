"""The gate: may this peer connect? Asked for every connection, whether it came to a port or through tcpmux.

Runs in: the front. Looks nothing up, starts nothing and logs nothing: what it needs to know it returns as an ``Ask``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from superd.peer import unix_peer
from superd.policy.admission import admit, check_addresses, check_counts, check_limits
from superd.policy.deciding import Known, OwnRules, deciding, nothing_own
from superd.policy.hosts_access import NO_FACTS, Tables, decide, decide_unseen
from superd.verdict import ADMITTED, STALE, Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.in_force import InForce
    from superd.occupancy import Network, Occupancy, Source
    from superd.peer import Peer
    from superd.policy.admission import Conditions

Learn = Callable[[Ask], Awaitable[Known]]
"""Finds out what is asked for, and returns what is known then."""


class TableSource(Protocol):
    """The tables in force; ``PolicyWatch`` is one."""

    def current(self) -> Tables | None: ...
    async def fresh(self) -> Tables: ...
    def refresh(self) -> None: ...
    def in_force(self) -> Tables: ...


class CountedSession(Protocol):
    """What a session is counted under; ``LiveSession`` is one."""

    source: Source | None
    networks: tuple[Network, ...]


class Gate:
    """Admission, then hosts.allow and hosts.deny. The tables are compared with their files once a batch."""

    def __init__(
        self, in_force: InForce, policy: TableSource, counts: Occupancy, conditions: Conditions, clock: Callable[[], float]
    ) -> None:
        self._in_force = in_force
        self._policy = policy
        self._counts = counts
        self._conditions = conditions
        self._clock = clock
        self._tables: Tables | None = None

    def first_look(self, service: CompiledService, peer: Peer, server: Callable[[], Peer], now: float) -> Verdict | Ask:
        """Return what can be said without waiting: ADMITTED itself, the verdict of a rule, or what to ask.

        ``server`` is our end, which costs a system call and is seldom needed.
        """
        answer = admit(service.access, peer, self._counts, now, self._conditions)
        if answer is not ADMITTED or not service.wrapped:
            return answer
        tables = self._tables
        if tables is None:
            tables = self._tables = self._policy.current()
            if tables is None:
                return STALE
        if tables.empty:
            return ADMITTED
        answer = decide(tables, service.daemon, peer, server(), NO_FACTS)
        return ADMITTED if type(answer) is Verdict and answer.admit and answer.rule is None else answer

    def full(self, service: CompiledService, peer: Peer) -> Verdict | None:
        """Return the refusal of a peer for which `instances` or `per_source` leaves no place, else None."""
        return check_counts(service.access, peer, self._counts)

    def tables_refuse(self, service: CompiledService, peer: Peer, server: Callable[[], Peer]) -> Verdict | None:
        """Return the refusal of a peer that the tables refuse whatever else becomes known, else None."""
        tables = self._policy.current() if service.wrapped else None
        if tables is None or tables.empty:
            return None
        answer = decide(tables, service.daemon, peer, server(), NO_FACTS)
        return answer if type(answer) is Verdict and not answer.admit else None

    def end_batch(self) -> None:
        """Compare the tables with their files before the next decision."""
        self._tables = None

    async def settle(
        self, service: CompiledService, session: CountedSession, known: Known, first: Verdict | Ask, learn: Learn
    ) -> Verdict:
        """Return the verdict for a session that ``first_look`` could not decide, asking ``learn`` until it is known.

        ``session`` says what it is counted under: it does not count against itself.
        """
        if isinstance(first, Verdict) and not first.admit:
            return first
        own = self._own_again(service, session) if isinstance(first, Ask) and first.own else nothing_own
        question = deciding(own, service.daemon, known, wrapped=service.wrapped)
        try:
            ask = next(question)
            while True:
                ask = question.send(await learn(ask))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict

    def _own_again(self, service: CompiledService, session: CountedSession) -> OwnRules:
        def own(peer: Peer) -> Verdict | Ask:
            current = self._in_force.services.get(service.name)
            if current is None:
                return Verdict(False, Reason.STOPPING, detail="the service was removed")
            self._counts.leave(service.name, session.source, session.networks)
            answer = admit(current.access, peer, self._counts, self._clock(), self._conditions)
            self._counts.enter(service.name, session.source, session.networks)
            return answer

        return own

    # ------------------------------------------------------------------ one by one

    def own_rules(self, service: CompiledService) -> OwnRules:
        """Return the service's own rules, all of them, as a question about a client."""
        return lambda peer: admit(service.access, peer, self._counts, self._clock(), self._conditions)

    def sender_rules(self, service: CompiledService) -> OwnRules:
        """Return those that ask about the client alone: bans, addresses, rates."""

        def own(peer: Peer) -> Verdict | Ask:
            now = self._clock()
            if service.access.penalties and (refusal := service.access.penalised(peer, now)) is not None:
                return refusal
            answer = check_addresses(service.access, peer, self._conditions, now)
            return service.access.over_rate(peer, now) or answer if answer is ADMITTED else answer

        return own

    def limits(self, service: CompiledService) -> Verdict:
        """Ask the rules that are the same for every client: load, hours, what runs at once, starts within a minute."""
        return check_limits(service.access, unix_peer(), self._counts, self._clock(), self._conditions)

    def unseen(self, service: CompiledService) -> Verdict | Ask:
        """Ask the tables about a program that accepts its clients itself; STALE while changed tables are read."""
        if not service.wrapped:
            return ADMITTED
        tables = self._policy.current()
        if tables is None:
            self._policy.refresh()
            return STALE
        return decide_unseen(tables, service.daemon)

    async def fresh_tables(self) -> Tables:
        """Return the tables as their files are now; wait while a change is read."""
        return self._policy.current() or await self._policy.fresh()

    def tables_at_hand(self) -> Tables:
        """Return the last good tables without waiting; a change is read in the background."""
        tables = self._policy.current()
        if tables is None:
            self._policy.refresh()
            tables = self._policy.in_force()
        return tables
