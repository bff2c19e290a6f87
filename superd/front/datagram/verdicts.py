"""Verdicts on datagrams: the same questions as for a connection, but none of them is waited for.

Runs in: the front. The sender may be forged: what is not known yet is refused, and a flood writes a few lines, not one for
each sender.
Never: waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from superd.counted import counted
from superd.expansion import values_of
from superd.net import peername
from superd.peer import UNKNOWN, Peer, unix_peer
from superd.policy.deciding import Known, OwnRules, deciding
from superd.record import SessionRecord
from superd.verdict import Ask, Need, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.datagram.names import SenderNames
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.front.handing_over import RunsCommands
    from superd.net.listener import Listener
    from superd.syslog_priority import LevelWord

LINES, WINDOW = 10, 5.0
"""Lines of one service and reason within so many seconds; the rest is counted. Senders may be forged, so their number is
what an attacker likes."""


class DatagramLog(Protocol):
    """What is written about datagrams."""

    def datagram(self, record: SessionRecord, verdict: Verdict | None = None) -> None: ...
    def message(self, level: LevelWord, text: str, service: str = "") -> None: ...


class CountsDatagrams(Protocol):
    """Counts and logs refused datagrams."""

    def datagram_refused(self, service: CompiledService, peer: Peer, verdict: Verdict, *, logged: bool) -> None: ...


class DatagramVerdicts:
    """What every service of datagrams asks before it answers or starts a program."""

    def __init__(
        self,
        gate: Gate,
        names: SenderNames,
        commands: RunsCommands,
        book: CountsDatagrams,
        log: DatagramLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gate = gate
        self._names = names
        self._commands = commands
        self._book = book
        self._log = log
        self._clock = clock
        self._told: dict[tuple[str, Reason | None], list[float]] = {}

    def check(self, service: CompiledService, peer: Peer, listener: Listener, own: OwnRules) -> Verdict:
        """Return the verdict on one datagram, and start the commands of its rule. ``own`` are the service's own rules."""
        # Our address on a datagram's way is not known, and no ident server can tell who sent it.
        server = Peer("unknown", 0, 0, listener.address.port, name="unknown")
        known = Known(replace(peer, user=UNKNOWN), server)
        question = deciding(own, service.daemon, known, wrapped=service.wrapped)
        try:
            ask = next(question)
            while True:
                learned = self._learn(known, ask)
                if learned is None:
                    return Verdict(False, Reason.DECIDE_TIMEOUT, detail=f"{ask.need.value.replace('_', ' ')} not known yet")
                known = learned
                ask = question.send(known)
        except StopIteration as end:
            verdict: Verdict = end.value
        return self._carry_out(service, known, verdict) if verdict.steps else verdict

    def _learn(self, known: Known, ask: Ask) -> Known | None:
        """Return what is known with the answer to ``ask``; None when that cannot be known without waiting."""
        if ask.need is Need.FRESH_TABLES:
            return replace(known, tables=self._gate.tables_at_hand())
        if ask.need is Need.HOST_NAME and not known.client.name:
            name = self._names.name_of(known.client.address)
            if name is not None:
                return replace(known, client=replace(known.client, name=name))
        return None

    def _carry_out(self, service: CompiledService, known: Known, verdict: Verdict) -> Verdict:
        """Start the commands of the rule that matched, as tcpd does; a datagram waits for none of them.

        A datagram has no connection that a `twist` could answer on, nor a banner: the first refuses, the second is for
        connections alone.
        """
        before: list[str] = []
        client = replace(known.client, name=known.client.name or UNKNOWN)
        values = values_of(service.daemon, client, known.server, os.getpid())
        for option in verdict.steps:
            if option.name in ("setenv", "umask", "nice"):
                before.append(option.digest)
            elif option.name == "twist":
                return Verdict(False, Reason.RULE_DENY, verdict.rule, "a datagram has no connection for a twist")
            elif option.name == "spawn":
                self._commands.begin(option, values, service.name, tuple(before))
        return verdict

    # ------------------------------------------------------------------ lines

    def refused(self, service: CompiledService, peer: Peer, verdict: Verdict) -> None:
        """Count and log that one datagram is not answered."""
        more = None if service.access.is_quiet(peer) else self._budget(service, verdict.reason)
        as_xinetd = service.service.log_style == "xinetd"
        self._book.datagram_refused(service, peer, verdict, logged=more is not None and not as_xinetd)
        if more is not None and as_xinetd:
            self._log.datagram(SessionRecord(0, service.service, peer, self._clock()), verdict)
        elif more:
            text = f"{counted(more, 'more datagram')} refused before: {verdict.reason.value}"
            self._log.message("warning", text, service.name)

    def answered(self, service: CompiledService, peer: Peer) -> None:
        """Log that the front itself answers one datagram, where the service's style of log does so."""
        logged = service.service.log_style == "xinetd" and service.service.log_on_success and not service.access.is_quiet(peer)
        if logged and self._budget(service, None) is not None:
            self._log.datagram(SessionRecord(0, service.service, peer, self._clock()))

    def _budget(self, service: CompiledService, reason: Reason | None) -> int | None:
        """Return how many lines were left out before this one; None when this one is left out too."""
        now = self._clock()
        window = self._told.setdefault((service.name, reason), [now, 0, 0])
        if now - window[0] >= WINDOW:
            window[0], window[1] = now, 0
        window[1] += 1
        if window[1] > LINES:
            window[2] += 1
            return None
        left_out, window[2] = int(window[2]), 0
        return left_out


def peer_of(sender: Any) -> Peer:
    """Return the sender of a datagram; who sent one to a unix socket cannot be known."""
    return peername.remote(sender) if isinstance(sender, tuple) else unix_peer()
