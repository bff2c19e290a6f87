"""One request on its way to a verdict: the service's own rules first, then hosts.allow and hosts.deny.

Pure. The one place that says in which order is asked: the front's gate, its datagrams, ``superd explain`` and ``superd match``
all drive this generator, and differ only in how they find out what it asks for.

Runs in: the front, the operator's commands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.policy.facts import NO_FACTS, Facts
from superd.policy.hosts_access import decide
from superd.verdict import ADMITTED, STALE, Ask, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.policy.hosts_access import Tables


@frozen
class Known:
    """What is known of a request. ``tables`` is None while they have to be read; ``server`` is our end."""

    client: Peer
    server: Peer
    tables: Tables | None = None
    facts: Facts = NO_FACTS


OwnRules = Callable[["Peer"], Verdict | Ask]
"""The service's own rules, asked about a client."""


def nothing_own(client: Peer) -> Verdict | Ask:
    """The own rules of a service that has none, or that has asked them already."""
    return ADMITTED


def deciding(own: OwnRules, daemon: str, known: Known, *, wrapped: bool = True) -> Generator[Ask, Known, Verdict]:
    """Yield each fact that is needed, take what is known then, return the verdict.

    ``daemon`` is the service's name in the tables; they are not asked unless it is ``wrapped``.
    """
    answer = own(known.client)
    while isinstance(answer, Ask):
        known = yield answer
        answer = own(known.client)
    if not answer.admit or not wrapped:
        return answer
    while True:
        answer = STALE if known.tables is None else decide(known.tables, daemon, known.client, known.server, known.facts)
        if isinstance(answer, Verdict):
            return answer
        known = yield answer


def drive(question: Generator[Ask, Known, Verdict], learn: Callable[[Ask], Known]) -> Verdict:
    """Return the verdict, with ``learn`` finding out each fact at once."""
    try:
        ask = next(question)
        while True:
            ask = question.send(learn(ask))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict
