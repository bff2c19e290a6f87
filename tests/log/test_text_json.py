"""One object a line, whatever the text: parsed back, complete, with RFC 3339 times."""

from __future__ import annotations

import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from superd.log.clock import Clock
from superd.log.event import Event, Kind
from superd.log.text_json import MAX_LINE, JsonText
from superd.safe_text import safe
from superd.syslog_priority import Level
from tests.log.events import WHEN, one_of_each, refused

TEXT = JsonText(Clock())


def test_a_refusal_as_the_screens_show_it() -> None:
    [line] = TEXT.records(refused())
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert event == {
        "level": "warning", "event": "fail", "service": "tftp", "session": "9f3-2a", "peer": "198.51.100.7", "port": 2071,
        "name": "a.example", "local": "192.0.2.1", "local_port": 69, "reason": "instances", "limit": 40, "now": 40,
    }  # fmt: skip


def test_every_kind_is_one_object() -> None:
    for event in one_of_each():
        [line] = TEXT.records(event)
        assert json.loads(line)["event"] == event.kind.word


@given(st.text(max_size=50), st.integers(0, 4000), st.text(max_size=30))
def test_a_line_of_any_length_is_one_whole_object_that_fits(text: str, times: int, service: str) -> None:
    fields = {f"key{number}": safe(text * times, 1000) for number in range(12)}
    event = Event(Kind.MESSAGE, Level.INFO, WHEN, service=safe(service), text=safe(text * times, 4000), fields=dict(fields))
    [line] = TEXT.records(event)
    assert len(line) <= MAX_LINE
    assert line.count(b"\n") == 1
    assert set(json.loads(line)) >= set(fields)
