"""What a client is penalised for, and what it cannot help."""

from __future__ import annotations

import pytest

from superd.front.sessions.causes import cause_of_end, cause_of_refusal
from superd.policy.penalties import Cause
from superd.record import Ending, SessionRecord
from superd.verdict import Reason, Verdict
from tests.front.fakes import CLIENT, service


def record(status: int | None = None, by: Ending | None = None, traffic: tuple[int, int] | None = None) -> SessionRecord:
    made = SessionRecord(1, service().service, CLIENT, 0.0)
    made.status, made.ended_by, made.traffic = status, by, traffic
    return made


@pytest.mark.parametrize(
    ("status", "by", "traffic", "cause"),
    [
        (0, None, None, None),
        (256, None, None, Cause.EXIT_NONZERO),
        (11, None, None, Cause.SIGNAL),
        (11, None, (0, 0), Cause.SIGNAL),
        (15, Ending.SESSION_LIMIT, None, None),
        (15, Ending.STOP, None, None),
        (15, Ending.KICK, None, None),
        (15, Ending.FIRST_BYTE, None, Cause.NO_BYTES),
        (24, Ending.CPU_LIMIT, None, None),
        (None, Ending.CLIENT, (0, 10), Cause.NO_BYTES),
        (None, Ending.CLIENT, (1, 0), None),
        (256, None, (0, 10), Cause.NO_BYTES),
        (None, Ending.FAULT, (0, 0), None),
        (None, None, None, None),
    ],
)
def test_an_end_has_the_gravest_cause_that_is_the_clients(
    status: int | None, by: Ending | None, traffic: tuple[int, int] | None, cause: Cause | None
) -> None:
    assert cause_of_end(record(status, by, traffic)) is cause


def test_a_refusal_is_a_cause_where_the_client_is_the_reason() -> None:
    free = {
        Reason.NO_RULE, Reason.RULE_ALLOW, Reason.RULE_BROKEN, Reason.HOURS, Reason.LOAD, Reason.INSTANCES, Reason.PROCESSES,
        Reason.STARTS, Reason.PENALTY, Reason.DECIDE_TIMEOUT, Reason.OVERLOAD, Reason.GONE, Reason.LAUNCH, Reason.REDIRECT,
        Reason.STOPPING, Reason.BANNED, Reason.PAUSED, Reason.QUEUE, Reason.QUEUE_TIME,
    }  # fmt: skip
    assert {reason for reason in Reason if cause_of_refusal(record(), Verdict(False, reason)) is None} == free
    assert cause_of_refusal(record(by=Ending.FAULT), Verdict(False, Reason.TLS)) is None
