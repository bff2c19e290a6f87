"""What a session's lines say: everything known, each fact under its flag."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from superd.log.fields import ending, exit_fields, fail_fields, session_fields, signal_name, start_fields
from superd.peer import Peer, unix_peer
from superd.record import Ending
from superd.verdict import Reason, Verdict
from tests.log.events import ended, record, service

CLIENT = {"peer": "198.51.100.7", "port": 2071, "name": "a.example", "local": "192.0.2.1", "local_port": 69}


def test_the_closing_record_has_everything_known() -> None:
    assert exit_fields(record()) == {
        **CLIENT, "rule": "/etc/hosts.allow:9", "pid": 8121, "ended_by": "exit", "status": 0, "wait": 0.25,
        "duration": 2.5, "in": 10, "out": 20, "cpu": 0.75, "memory": 2048 * 1024,
    }  # fmt: skip


def test_start_has_the_client_the_rule_and_the_pid() -> None:
    assert start_fields(record()) == {**CLIENT, "rule": "/etc/hosts.allow:9", "pid": 8121}


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (["EXIT"], {"ended_by", "status", "cpu", "memory"}),
        (["DURATION"], {"wait", "duration"}),
        (["PID"], {"pid"}),
        (["HOST"], set(CLIENT)),
    ],
)
def test_a_flag_left_out_takes_its_facts_with_it(flags: list[str], fields: set[str]) -> None:
    made = record(service(log_on_success=flags))
    assert set(exit_fields(made)) - {"rule", "in", "out"} == fields


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (3 << 8, {"status": 3}),
        (signal.SIGKILL, {"signal": 9, "result": "killed by SIGKILL"}),
        (signal.SIGSEGV | 0x80, {"signal": 11, "result": "killed by SIGSEGV, core dumped"}),
        (None, {}),
    ],
)
def test_a_signal_is_a_number_and_in_words(status: int | None, fields: dict[str, object]) -> None:
    found = ended(status).fields
    assert {key: value for key, value in found.items() if key in ("status", "signal", "result")} == fields


def test_what_ended_it_is_superds_own_reason_or_the_programs_end() -> None:
    made = record()
    assert ending(made) is Ending.EXIT
    made.status = 9
    assert ending(made) is Ending.SIGNAL
    made.ended_by = Ending.IDLE
    assert ending(made) is Ending.IDLE


def test_a_signal_without_a_name_is_a_number() -> None:
    assert signal_name(15) == "SIGTERM"
    assert signal_name(99) == "signal 99"


def test_a_user_that_is_known_after_the_start_is_in_the_closing_record() -> None:
    made = record()
    assert made.peer is not None
    assert "user" not in start_fields(made)
    assert exit_fields(made).items() >= start_fields(made).items()
    made.peer = replace(made.peer, user="alice")
    assert exit_fields(made)["user"] == "alice"


def test_a_refusal_says_which_limit_its_value_and_the_count() -> None:
    verdict = Verdict(False, Reason.INSTANCES, detail="40 instances run", limit=40, now=40)
    assert fail_fields(record(), verdict) == {**CLIENT, "reason": "instances", "limit": 40, "now": 40}
    verdict = Verdict(False, Reason.ADDRESS, detail="in no_access")
    assert fail_fields(record(), verdict) == {**CLIENT, "reason": "address", "detail": "in no_access"}
    assert fail_fields(record(service(log_on_failure=["ATTEMPT"])), verdict) == {"reason": "address", "detail": "in no_access"}


def test_a_unix_peer_has_a_uid_and_no_port() -> None:
    made = record()
    made.peer, made.local, made.pid = unix_peer(33), Peer("localhost", 0, 0), 0
    assert session_fields(made) == {"peer": "localhost", "uid": 33}
    assert start_fields(made) == {"peer": "localhost", "uid": 33, "rule": "/etc/hosts.allow:9"}
    made.peer = None
    assert session_fields(made) == {}
