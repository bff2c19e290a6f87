"""The short way to the JSON of a usual session gives what the long way gives, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.log.clock import Clock
from superd.log.event import Event, Kind
from superd.log.fields import exit_fields, start_fields
from superd.log.text_json import JsonText
from superd.log.usual_json import exit_members, start_members
from superd.peer import Peer, peer_from_text, unix_peer
from superd.problem import Origin
from superd.record import Ending, SessionRecord
from superd.syslog_priority import Level
from superd.through import Through
from tests.log.events import WHEN, service

TEXT = JsonText(Clock())


def usual(address: str = "198.51.100.7", status: int = 0, seconds: float = 0.0123, memory: int = 1000) -> SessionRecord:
    made = SessionRecord(1 << 31 | 5, service(), peer_from_text(address, 2071), 10.0)
    made.local, made.pid = peer_from_text("192.0.2.1", 69), 4711
    made.status, made.seconds, made.usage = status, seconds, (0.001, 0.0005, memory)
    return made


@given(
    st.sampled_from(["198.51.100.7", "2001:db8::1", "fe80::1%eth0", 'fe80::1%a"b\\c']),
    st.integers(0, 255),
    st.floats(0, 1e9),
    st.integers(0, 1 << 40),
)
def test_a_usual_session_reads_as_its_fields_do(address: str, code: int, seconds: float, memory: int) -> None:
    made = usual(address, code << 8, seconds, memory)
    [start] = TEXT.records(Event(Kind.START, Level.INFO, WHEN, made.service, made))
    [end] = TEXT.records(Event(Kind.EXIT, Level.INFO, WHEN, made.service, made))
    assert made.start_json
    assert list(json.loads(start))[5:] == list(start_fields(made))
    for line, fields in ((start, start_fields(made)), (end, exit_fields(made))):
        found = json.loads(line)
        assert list(found)[:5] == ["time", "level", "event", "service", "session"]
        assert {key: found[key] for key in list(found)[5:]} == {
            key: float(f"{value:.3f}") if isinstance(value, float) else value for key, value in fields.items()
        }


@pytest.mark.parametrize("why", [Ending.CLIENT, Ending.RESET, Ending.IDLE])
def test_a_session_that_superd_serves_reads_as_its_fields_do(why: Ending) -> None:
    made = usual()
    made.pid, made.status, made.usage, made.ended_by = 0, None, None, why
    [start] = TEXT.records(Event(Kind.START, Level.INFO, WHEN, made.service, made))
    [end] = TEXT.records(Event(Kind.EXIT, Level.INFO, WHEN, made.service, made))
    assert exit_members(made)
    assert list(json.loads(start).items())[5:] == list(start_fields(made).items())
    assert list(json.loads(end).items())[5:] == list(exit_fields(made).items())


UNUSUAL_STARTS: list[dict[str, Any]] = [
    {"peer": None}, {"peer": unix_peer(0)}, {"peer": Peer("192.0.2.9", 4, 1, name="a.example")},
    {"peer": Peer("192.0.2.9", 4, 1, user="alice")}, {"local": None}, {"rule": Origin("/etc/hosts.allow", 9)},
    {"through": Through(peer_from_text("192.0.2.3"))}, {"tls": (("SSL_PROTOCOL", "TLSv1.3"),)}, {"conn": 0},
    {"service": service(log_on_success=["HOST"])},
]  # fmt: skip


@pytest.mark.parametrize("keys", UNUSUAL_STARTS, ids=lambda keys: next(iter(keys)))
def test_anything_else_is_left_to_the_fields(keys: dict[str, Any]) -> None:
    made = usual()
    for key, value in keys.items():
        setattr(made, key, value)
    assert start_members(made) == ""
    assert exit_members(made) == ""


@pytest.mark.parametrize(
    "keys",
    [
        {"ended_by": Ending.KICK}, {"status": None}, {"status": 9}, {"usage": None}, {"usage": (0.0, 0.0, 0)},
        {"traffic": (1, 2)}, {"decided": 10.5}, {"peer": Peer("192.0.2.9", 4, 1, user="alice")},
    ],
    ids=lambda keys: next(iter(keys)),
)  # fmt: skip
def test_an_end_that_says_more_is_left_to_the_fields(keys: dict[str, Any]) -> None:
    made = usual()
    assert start_members(made)
    assert exit_members(made)
    for key, value in keys.items():
        setattr(made, key, value)
    assert exit_members(made) == ""
