"""Events as lines."""

from __future__ import annotations

from superd.cli.logs import event_line

BASE = {"when": 0.0, "level": "info", "service": "git", "session": "9f-1", "text": "", "fields": {}}


def test_events_of_sessions_have_their_fields() -> None:
    found = {**BASE, "event": "fail", "fields": {"peer": "192.0.2.1", "port": 5, "reason": "instances", "rule": "a b"}}
    assert event_line(found).partition(" ")[2] == 'FAIL git 9f-1 from=192.0.2.1:5 reason=instances rule="a b"'


def test_messages_have_their_level_and_are_safe() -> None:
    found = {**BASE, "event": "message", "level": "err", "text": "bad\x1b[2J"}
    assert event_line(found).partition(" ")[2] == "err: git 9f-1: bad\\x1b[2J"
