"""What a refusal or the end of a session costs its source: the causes of `[limits.penalties]`. Pure.

Runs in: the front. What a client cannot help (load, hours, a lack of places, superd's own faults and signals) costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.policy.penalties import Cause
from superd.record import Ending
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.record import SessionRecord
    from superd.verdict import Verdict

_REFUSALS = {
    Reason.ADDRESS: Cause.REFUSED,
    Reason.RULE_DENY: Cause.REFUSED,
    Reason.IDENT: Cause.REFUSED,
    Reason.SENSOR: Cause.REFUSED,
    Reason.PROXY: Cause.REFUSED,
    Reason.TLS: Cause.REFUSED,
    Reason.PER_SOURCE: Cause.LIMIT_HIT,
    Reason.RATE: Cause.LIMIT_HIT,
    Reason.SOURCE_RATE: Cause.LIMIT_HIT,
    Reason.SOURCE_LIMIT: Cause.LIMIT_HIT,
    Reason.START_LIMIT: Cause.START_TIMEOUT,
    Reason.BANNER: Cause.START_TIMEOUT,
}
_BY_CLIENT = frozenset({None, Ending.EXIT, Ending.SIGNAL, Ending.CLIENT, Ending.RESET, Ending.TARGET, Ending.IDLE})


def cause_of_refusal(record: SessionRecord, verdict: Verdict) -> Cause | None:
    """Return the cause of a refusal, or None where it costs nothing, as one that is a penalty itself or superd's own fault."""
    return None if record.ended_by is Ending.FAULT else _REFUSALS.get(verdict.reason)


def cause_of_end(record: SessionRecord) -> Cause | None:
    """Return the gravest cause of a session's end, or None."""
    if record.ended_by is Ending.FIRST_BYTE:
        return Cause.NO_BYTES
    if record.ended_by not in _BY_CLIENT:
        return None
    status = record.status
    if status is not None and status & 0x7F:
        return Cause.SIGNAL
    if record.traffic is not None and record.traffic[0] == 0:
        return Cause.NO_BYTES
    return Cause.EXIT_NONZERO if status else None
