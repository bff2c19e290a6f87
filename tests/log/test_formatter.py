"""Every format takes every kind of event, and gives whole lines."""

from __future__ import annotations

import pytest

from superd.log.clock import Clock
from superd.log.event import Kind
from superd.log.formatter import Formatter
from superd.log.text_json import JsonText
from superd.log.text_native import NativeText
from superd.log.text_syslog import OldSyslog
from superd.log.text_xinetd import XinetdServiceText, XinetdText
from tests.log.events import one_of_each

CLOCK = Clock()
NATIVE = NativeText(CLOCK)


@pytest.mark.parametrize(
    "formatter",
    [NATIVE, JsonText(CLOCK), XinetdServiceText(CLOCK, NATIVE), XinetdText(CLOCK, NATIVE)],
    ids=lambda formatter: type(formatter).__name__,
)
def test_a_stream_format_gives_lines_that_end(formatter: Formatter) -> None:
    for event in one_of_each():
        records = formatter.records(event)
        assert records or (event.kind is Kind.REPEATS and isinstance(formatter, XinetdServiceText))
        for line in records:
            assert line.endswith(b"\n")
            assert line.count(b"\n") == 1


def test_a_syslog_format_gives_records_without_an_end_of_line() -> None:
    for event in one_of_each():
        [record] = OldSyslog(CLOCK, NATIVE, "superd").records(event)
        assert b"\n" not in record
