"""A relay's reason for an end is the record's, except for a program whose own status says how it ended."""

from __future__ import annotations

import pytest

from superd.front.relays.ends import ENDINGS, explain
from superd.ipc import relay_messages as messages
from superd.record import Ending
from tests.front.fakes import CLIENT, FakeLog, Parts, service


def over(reason: int, errno: int = 0) -> messages.Over:
    return messages.Over(1, 3, 4, 2.0, reason, errno, b"")


@pytest.mark.parametrize("reason", ENDINGS)
@pytest.mark.parametrize("pid", [0, 4711])
@pytest.mark.parametrize("known", [None, Ending.RESET])
def test_the_reason_is_the_record_s_unless_one_is_known(reason: int, pid: int, known: Ending | None) -> None:
    record = Parts().book.enter(service(limits={"idle": 3}), CLIENT, 1000.0).record
    record.pid, record.ended_by = pid, known
    explain(FakeLog(), record, over(reason))
    own = not pid or reason in (messages.IDLE, messages.SESSION)
    assert record.ended_by is (known or (ENDINGS[reason] if own else None))


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (messages.IDLE, ("notice", "s", "ended after 3 s of silence (`limits.idle`)")),
        (messages.NO_ROOM, ("error", "s", "the session ends: its relay has no descriptor left")),
        (messages.FAULT, ("error", "s", "the session ends: its relay cannot carry it: Input/output error")),
    ],
)
def test_what_an_operator_has_to_know_is_logged(reason: int, line: tuple[str, str, str]) -> None:
    log = FakeLog()
    explain(log, Parts().book.enter(service(limits={"idle": 3}), CLIENT, 1000.0).record, over(reason, 5))
    assert log.events == [line]


def test_the_client_s_end_is_in_no_line() -> None:
    log = FakeLog()
    explain(log, Parts().book.enter(service(), CLIENT, 1000.0).record, over(messages.CLIENT))
    assert log.events == []
