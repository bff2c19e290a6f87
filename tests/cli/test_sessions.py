"""The table of sessions."""

from __future__ import annotations

import os

from superd.cli.sessions import SORTS, session_lines, with_usage
from superd.panel.gather import session
from tests.panel.script import session as row

FLOW = {"idle": 3.0, "bytes_in": 2048, "bytes_out": 88 << 20}


def test_sessions_fit_80_and_use_120_columns() -> None:
    found = [
        session(row(number, "[2001:db8:1:2:3:4:5:6]:50122")) | {"memory": 31 << 20, "cpu": 2.0, **FLOW} for number in range(3)
    ]
    assert max(map(len, session_lines(found, 80))) <= 80
    wide = session_lines(found, 120)
    assert wide[0].split() == ["ID", "SERVICE", "PEER", "PID", "AGE", "IDLE", "MEM", "IN", "/", "OUT", "CPU", "RULE"]
    assert "31M" in wide[1]
    assert "2.0K / 88M" in wide[1]


def test_a_confirmed_name_takes_the_place_of_the_address() -> None:
    found = session(row(1)) | {"memory": None, "cpu": None, **FLOW}
    assert "build7.example.com:5" in session_lines([{**found, "name": "build7.example.com"}], 80)[1]
    assert "192.0.2.1:5" in session_lines([{**found, "name": "paranoid"}], 80)[1]


def test_usage_is_of_this_hosts_processes() -> None:
    mine, gone = with_usage([session(row(1)) | {"pid": os.getpid()}, session(row(2)) | {"pid": 0}])
    assert mine["memory"] > 1 << 20
    assert mine["cpu"] > 0
    assert (gone["memory"], gone["cpu"]) == (None, None)


def test_every_word_sorts() -> None:
    found = [session(row(number, age=float(number))) | {"memory": number, "cpu": 1.0, **FLOW} for number in range(3)]
    assert [each["age"] for each in sorted(found, key=SORTS["age"])] == [2.0, 1.0, 0.0]
    assert [each["memory"] for each in sorted(found, key=SORTS["memory"])] == [2, 1, 0]
    for key in SORTS.values():
        sorted(found, key=key)


def test_no_session_is_said() -> None:
    assert session_lines([], 80) == ["no session is live"]
