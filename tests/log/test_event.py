"""Kinds of events stay distinct for ever, and an event without a session has no facts of one."""

from __future__ import annotations

import re

from superd.log.event import Event, Kind
from superd.syslog_priority import Level
from tests.log.events import ended, message, refused, started


def test_every_kind_has_a_word_and_an_id_of_its_own() -> None:
    assert len({kind.word for kind in Kind}) == len({kind.message_id for kind in Kind}) == len(Kind)
    for kind in Kind:
        assert re.fullmatch(r"[a-z_]+", kind.word)
        assert re.fullmatch(r"[0-9a-f]{32}", kind.message_id)


def test_an_event_has_the_fields_of_its_kind() -> None:
    assert "pid" in started().fields
    assert "ended_by" in ended().fields
    assert refused().fields["reason"] == "instances"
    assert list(message(with_record=True).fields) == ["peer", "port", "pid"]


def test_an_event_without_a_session_has_no_id_and_no_fields() -> None:
    event = Event(Kind.MESSAGE, Level.INFO, 0.0, service="x", text="t")
    assert (event.session, event.fields) == ("", {})
    assert started().session == "9f3-2a"
