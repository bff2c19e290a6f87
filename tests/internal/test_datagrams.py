"""Internal services answer datagrams, and none of them makes superd a weapon (RFC 862 to 868)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import DATAGRAM

NOW = 1_700_000_000.0


@given(st.binary(max_size=2000))
def test_no_answer_is_longer_than_its_question_except_for_two_that_are_short(payload: bytes) -> None:
    for name, handler in DATAGRAM.items():
        assert len(handler(payload, NOW) or b"") <= max(len(payload), {"daytime": 40, "time": 4}.get(name, 0))
