"""The pure answers of internal services to datagrams (RFC 862 to 868)."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import DATAGRAM

NOW = 1_700_000_000.0


@given(st.binary(max_size=2000))
def test_no_answer_is_longer_than_its_question_but_for_two_that_are_short(payload: bytes) -> None:
    for name, handler in DATAGRAM.items():
        assert len(handler(payload, NOW) or b"") <= max(len(payload), {"daytime": 40, "time": 4}.get(name, 0))


@given(st.binary(max_size=2000))
def test_echo_is_the_same_and_discard_is_nothing(payload: bytes) -> None:
    assert DATAGRAM["echo"](payload, NOW) == payload
    assert DATAGRAM["discard"](payload, NOW) is None


@given(st.integers(0, 2000))
def test_chargen_is_whole_lines_of_at_most_512_bytes(size: int) -> None:
    answer = DATAGRAM["chargen"](bytes(size), NOW) or b""
    assert len(answer) <= 512
    assert all(re.fullmatch(rb"[ -~]{72}", line) for line in answer.split(b"\r\n")[:-1])
    assert not answer or answer.endswith(b"\r\n")


def test_time_counts_from_1900_and_wraps() -> None:
    assert DATAGRAM["time"](b"", 0.0) == (2208988800).to_bytes(4, "big")  # RFC 868's own example: 00:00 1 Jan 1970
    assert DATAGRAM["time"](b"", 2.0**32) == ((2**32 + 2208988800) % 2**32).to_bytes(4, "big")


def test_daytime_is_one_line() -> None:
    assert re.fullmatch(rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d \S+\r\n", DATAGRAM["daytime"](b"", NOW) or b"")
