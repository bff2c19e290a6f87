"""A session's record begins empty, and its id is unique over connections, fronts and restarts."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.record import COUNT_BITS, SessionRecord, first_number, next_number, session_id
from superd.service import Service


def test_a_new_record_has_nothing_of_the_one_before() -> None:
    service = Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7})
    peer = peer_from_text("192.0.2.1", 5)
    record = SessionRecord(3, service, peer, 1.5)
    record.severity, record.traffic = "mail.info", (1, 2)
    fresh = SessionRecord(4, service, peer, 2.5)
    assert (fresh.conn, fresh.service, fresh.peer, fresh.started, fresh.decided) == (4, service, peer, 2.5, 2.5)
    known = ("conn", "service", "peer", "started", "decided")
    rest = {name: getattr(fresh, name) for name in SessionRecord.__slots__ if name not in known}
    assert {name: value for name, value in rest.items() if value not in (None, 0, 0.0, "", False, ())} == {}


def test_a_session_id_is_short_and_one_word() -> None:
    conn = next_number(first_number(1_796_000_000.25))
    assert re.fullmatch(r"[0-9a-z]{1,5}-1", session_id(conn))
    assert session_id((36**2 + 35) << COUNT_BITS | 36) == "10z-10"


@given(st.floats(1e9, 4e9), st.floats(0.11, 6e6), st.integers(1, 1000), st.integers(1, 1000))
def test_two_fronts_within_70_days_never_share_an_id(start: float, later: float, one: int, other: int) -> None:
    ids = set()
    for seconds, count in ((start, one), (start + later, other)):
        conn = first_number(seconds)
        for _ in range(count):
            conn = next_number(conn)
        ids.add(session_id(conn))
    assert len(ids) == 2


def test_a_count_that_wraps_stays_with_its_front() -> None:
    last = first_number(1e9) | (1 << COUNT_BITS) - 1
    assert next_number(last) == first_number(1e9)
