"""xinetd's lines to the letter, and one line each, whatever peers send."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.log import text_xinetd
from superd.log.fields import fail_fields
from superd.log.text_native import words
from superd.peer import Peer
from superd.record import SessionRecord
from superd.service import Service
from superd.verdict import Reason, Verdict

ALL = ["HOST", "PID", "EXIT", "DURATION", "USERID", "TRAFFIC"]
WORDS = {
    "address", "libwrap", "load", "time", "service_limit", "per_source_limit", "process_limit", "connections per second",
    "fork", "UNKNOWN",
}  # fmt: skip
"""The reasons of xinetd's FAIL lines (log.c)."""


def session(*success: str, address: str = "192.0.2.7", **keys: object) -> SessionRecord:
    values = {"name": "x", "server": "/bin/cat", "log_on_success": success or ALL, "log_on_failure": ["HOST"], **keys}
    record = SessionRecord(1, Service.model_validate(values), Peer(address, 4, 0, 4711), 0.0)
    record.pid, record.status, record.seconds = 99, 3 << 8, 2.9
    return record


def test_each_flag_adds_its_word() -> None:
    assert text_xinetd.xinetd_start(session("EXIT")) == "START: x"
    assert text_xinetd.xinetd_start(session("PID", "HOST")) == "START: x pid=99 from=192.0.2.7"
    assert text_xinetd.xinetd_exit(session("PID", "HOST")) == ""
    assert text_xinetd.xinetd_exit(session("EXIT")) == "EXIT: x status=3"
    assert text_xinetd.xinetd_exit(session("DURATION")) == "EXIT: x duration=2(sec)"
    assert text_xinetd.xinetd_exit(session()) == "EXIT: x status=3 pid=99 duration=2(sec)"


def test_who_was_killed_has_a_signal_and_no_status() -> None:
    record = session("EXIT")
    record.status = 9
    assert text_xinetd.xinetd_exit(record) == "EXIT: x signal=9"


def test_an_unknown_user_is_not_an_address() -> None:
    record = session("HOST")
    record.peer = None
    assert text_xinetd.xinetd_start(record) == "START: x from=<no address>"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in (Reason.NO_RULE, Reason.RULE_ALLOW)])
def test_every_reason_is_one_of_xinetds(reason: Reason) -> None:
    line = text_xinetd.xinetd_fail(session(), Verdict(False, reason, detail="no server"))
    if reason is Reason.IDENT:
        assert line == "NOID: x 192.0.2.7 no server"
        return
    match = re.fullmatch(r"FAIL: x (.+) from=192\.0\.2\.7", line)
    assert match is not None
    assert match[1] in WORDS


@given(st.text(), st.text())
def test_what_strangers_say_makes_no_line_of_its_own(userid: str, detail: str) -> None:
    record = session()
    record.userid = userid
    verdict = Verdict(False, Reason.IDENT, detail=detail)
    native = " ".join(words(fail_fields(record, verdict)))
    for line in (text_xinetd.xinetd_userid(record), text_xinetd.xinetd_fail(record, verdict), native):
        assert len(line.splitlines()) == 1
        assert not any(ord(character) < 32 or ord(character) == 127 for character in line)
