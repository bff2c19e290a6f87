"""chargen for datagrams: lines of RFC 864, never more bytes than were asked with."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from superd.internal import chargen


@given(st.integers(0, 2000))
def test_the_answer_is_whole_lines_of_at_most_512_bytes(size: int) -> None:
    answer = chargen.datagram(bytes(size), 0.0) or b""
    assert len(answer) <= min(512, size)
    lines = answer.split(b"\r\n")
    assert lines.pop() == b""
    assert all(re.fullmatch(rb"[ -~]{72}", line) for line in lines)


def test_each_line_begins_one_character_further() -> None:
    first, second = (chargen.datagram(bytes(148), 0.0) or b"").split()[:2]
    assert first[:1] == b"!"
    assert (chargen.datagram(bytes(148), 0.0) or b"").count(b"\r\n") == 2
    assert second[:70] == first[1:71] or second[:70] == first[:70]


def test_a_question_shorter_than_a_line_gets_no_answer() -> None:
    assert chargen.datagram(bytes(73), 0.0) is None
    assert chargen.datagram(bytes(74), 0.0) is not None
