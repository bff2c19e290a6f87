"""Records of RFC 5424: every part where section 6 has it, the fields as structured data that parses back."""

from __future__ import annotations

import os
import re

from hypothesis import given
from hypothesis import strategies as st

from superd.log.clock import Clock
from superd.log.event import Event, Kind
from superd.log.text_5424 import MAX_RECORD, NewSyslog, structured
from superd.log.text_native import NativeText
from superd.syslog_priority import Level
from tests.log.events import WHEN, message, refused

CLOCK = Clock()
TEXT = NewSyslog(CLOCK, NativeText(CLOCK), "superd", facility=3 << 3)
HEAD = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d) ([!-~]{1,255}) superd (\d+) ([a-z_]{1,32}) (-|\[.*\]) "
    "\ufeff(.*)"
)


def test_a_refusal_has_every_part() -> None:
    [record] = TEXT.records(refused())
    match = HEAD.fullmatch(record.decode())
    assert match is not None
    assert (match[1], match[4], match[5]) == ("28", str(os.getpid()), "fail")
    assert match[6].startswith('[superd@32473 service="tftp" session="9f3-2a" peer="198.51.100.7" port="2071" ')
    assert match[7].startswith("FAIL tftp 9f3-2a ")


def test_a_message_without_fields_has_no_structured_data() -> None:
    [record] = TEXT.records(message())
    match = HEAD.fullmatch(record.decode())
    assert match is not None
    assert (match[6], match[7]) == ("-", "it works")


@given(st.text(alphabet='"]\\ab=', max_size=20))
def test_a_value_with_any_character_ends_where_it_ends(text: str) -> None:
    data = structured(Event(Kind.MESSAGE, Level.INFO, WHEN, fields={"detail": text}))
    match = re.fullmatch(r'\[superd@32473 detail="((?:[^"\\\]]|\\["\\\]])*)"\]', data)
    assert match is not None
    assert re.sub(r'\\(["\\\]])', r"\1", match[1]) == text


def test_a_record_is_bounded() -> None:
    [record] = TEXT.records(message("x" * 20_000))
    assert len(record) == MAX_RECORD
