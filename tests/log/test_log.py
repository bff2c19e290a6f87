"""The log as its callers see it: what is written, folded, counted, kept and dropped; no call ever waits."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from superd.log import log as log_module
from superd.log.event import Kind
from superd.log.log import REFUSALS, REFUSALS_OF_ALL, Log, LogPlaces
from superd.log.repeats import WINDOW
from superd.problem import Severity
from superd.settings import Settings
from superd.verdict import Reason, Verdict
from tests.log.events import record, service
from tests.waiting import until

FULL = Verdict(False, Reason.INSTANCES, detail="40 instances run", limit=40, now=40)


class Clock:
    """Monotonic time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return time.time()


class Written:
    """A log whose stderr is a file."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.path = folder / "err"
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.places = LogPlaces(streams=(self.fd, self.fd), syslog=str(folder / "log"), journal=str(folder / "journal"))
        self.log = Log(Settings(), self.places)

    def events(self) -> list[dict[str, Any]]:
        self.log.flush()
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(log_module, "time", made)
    return made


@pytest.fixture
def written(tmp_path: Path, clock: Clock) -> Iterator[Written]:
    made = Written(tmp_path, clock)
    yield made
    made.log.close()
    os.close(made.fd)


def test_a_session_has_the_same_id_on_each_of_its_lines(written: Written) -> None:
    one = record()
    written.log.started(one)
    written.log.message("info", "half way", record=one)
    written.log.exited(one)
    assert [(event["event"], event["session"]) for event in written.events()] == [
        ("start", "9f3-2a"), ("message", "9f3-2a"), ("exit", "9f3-2a"),
    ]  # fmt: skip


def test_a_service_that_logs_nothing_has_no_lines(written: Written) -> None:
    quiet = record(service(log_on_success=[], log_on_failure=[]))
    written.log.started(quiet)
    written.log.exited(quiet)
    written.log.refused(quiet, FULL)
    assert written.events() == []


def test_a_flood_of_one_source_folds_into_a_count_that_is_written_when_nothing_follows(written: Written) -> None:
    for _ in range(1000):
        written.log.refused(record(), FULL)
    events = written.events()
    assert [event["event"] for event in events] == ["fail"] * REFUSALS
    assert written.log.due == written.clock.now + WINDOW
    written.clock.now += WINDOW
    folded = written.events()[REFUSALS:]
    assert len(folded) == 1
    assert {key: folded[0].get(key) for key in ("event", "of", "service", "peer", "reason", "limit", "count", "seconds")} == {
        "event": "repeats", "of": "fail", "service": "tftp", "peer": "198.51.100.7", "reason": "instances", "limit": 40,
        "count": 1000 - REFUSALS, "seconds": WINDOW,
    }  # fmt: skip
    assert written.log.due is None


def test_another_source_or_another_reason_has_its_own_lines(written: Written) -> None:
    for _ in range(2 * REFUSALS):
        written.log.refused(record(), FULL)
    written.log.refused(record(address="198.51.100.8"), FULL)
    written.log.refused(record(), Verdict(False, Reason.ADDRESS))
    assert [event.get("peer") for event in written.events()[REFUSALS:]] == ["198.51.100.8", "198.51.100.7"]


def test_a_flood_of_many_sources_folds_by_reason(written: Written) -> None:
    for number in range(1000):
        written.log.refused(record(address=f"198.51.{number >> 8}.{number & 255}"), FULL)
    assert len(written.events()) == REFUSALS_OF_ALL
    written.clock.now += WINDOW
    [folded] = written.events()[REFUSALS_OF_ALL:]
    assert (folded["count"], folded["reason"], folded.get("peer")) == (1000 - REFUSALS_OF_ALL, "instances", None)


def test_xinetds_lines_are_written_one_for_each_refusal(written: Written) -> None:
    written.log.configure(Settings.model_validate({"log": {"format": "text"}}))
    for _ in range(50):
        written.log.refused(record(service(log_style="xinetd")), FULL)
    written.log.flush()
    lines = written.path.read_text().splitlines()
    assert len(lines) == 50
    assert lines[0].endswith(": FAIL: tftp service_limit from=198.51.100.7")


def test_datagrams_of_one_sender_are_one_line_in_a_window(written: Written) -> None:
    styled = service(log_style="xinetd")
    for _ in range(5):
        written.log.datagram(record(styled))
        written.log.datagram(record(styled), FULL)
    assert [event["event"] for event in written.events()] == ["start", "fail"]
    written.clock.now += WINDOW
    assert [(event["of"], event["count"]) for event in written.events()[2:]] == [("start", 4), ("fail", 4)]


def test_a_message_that_repeats_is_written_once_and_then_its_count(written: Written) -> None:
    for _ in range(4):
        written.log.message("warning", "too hot", "oven")
    assert len(written.events()) == 1
    written.clock.now += WINDOW
    last = written.events()[-1]
    assert (last["message"], last["service"], last["count"]) == ("too hot (3 more like this in 5 s)", "oven", 3)


def test_an_answer_to_an_operator_is_always_written(written: Written) -> None:
    for _ in range(3):
        written.log.message("notice", "reload: nothing", always=True)
    assert len(written.events()) == 3


def test_text_of_others_is_one_line_and_visible(written: Written) -> None:
    written.log.message("info", 'a\n{"event":"start"}\u202e\u200b', "x")
    [event] = written.events()
    assert event["message"] == '\na{"event":"start"}'.replace("\na", "a\\x0a") + "\\u202e\\u200b"


def test_levels_are_words_or_the_severity_of_a_problem(written: Written) -> None:
    written.log.message("crit", "a")
    written.log.message(Severity.NOTE, "b", kind=Kind.PROBLEM, fields={"file": "x.toml", "line": 3})
    assert [(event["level"], event["event"]) for event in written.events()] == [("crit", "message"), ("notice", "problem")]
    assert written.events()[1]["line"] == 3


def test_what_a_slow_target_does_not_take_is_kept_counted_and_reported(tmp_path: Path, clock: Clock) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    log = Log(Settings.model_validate({"log": {"queue": 100}}), LogPlaces(streams=(writer, writer), syslog=str(tmp_path / "log")))
    text = "x" * 1400
    for number in range(300):
        log.message("info", f"{number} {text}")
        log.flush()
    got = b""
    while b"lost" not in got:
        try:
            got += os.read(reader, 1 << 20)
        except BlockingIOError:
            pass
        log.flush()
    events = [json.loads(line) for line in got.splitlines()]
    kept = [int(event["message"].split()[0]) for event in events if event["event"] == "message"]
    assert kept == list(range(len(kept)))
    assert len(kept) >= 100
    [lost] = [event for event in events if event["event"] == "log_lost"]
    assert lost["count"] == 300 - len(kept)
    os.close(reader)
    os.close(writer)


def test_a_forked_process_forgets_what_its_parent_writes(written: Written) -> None:
    written.log.message("info", "once")
    written.log.message("info", "once")
    written.log.forget()
    written.clock.now += WINDOW
    assert written.events() == []


def test_close_writes_the_counts_too(written: Written) -> None:
    written.log.message("info", "again")
    written.log.message("info", "again")
    written.log.close()
    assert len(written.events()) == 2


async def test_run_writes_a_count_when_it_is_due(tmp_path: Path) -> None:
    made = Written(tmp_path, Clock())
    made.log._repeats._window = 0.05
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.log.run)
        await trio.testing.wait_all_tasks_blocked()
        made.log.message("info", "again")
        made.log.message("info", "again")
        await until(lambda: made.path.read_text().count("\n") == 2)
        nursery.cancel_scope.cancel()
    os.close(made.fd)


async def test_a_syslog_daemon_that_reads_again_gets_all_as_fast_as_it_reads(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        settings = Settings.model_validate({"log": {"targets": ["syslog"], "queue": 4000}})
        log = Log(settings, LogPlaces(syslog=str(tmp_path / "log"), journal=str(tmp_path / "journal")))
        for number in range(3000):
            log.message("info", f"{number} of them")
        log.flush()
        assert log.backlog()[0] > 1000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            for _ in range(3000):
                await trio.lowlevel.wait_readable(daemon)
                daemon.recv(1000)
            nursery.cancel_scope.cancel()
        assert trio.current_time() <= 2 * log_module.RETRY
        log.close()


def test_tcp_wrappers_own_line_goes_to_syslog_alone(written: Written, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(5)
        one = record()
        one.severity = "mail.info"
        written.log.admitted_by_rule(one)
        written.log.flush()
        assert daemon.recv(1000).endswith(f" cat[{os.getpid()}]: connect from a.example (198.51.100.7)".encode())
    assert written.events() == []


def test_a_reload_changes_the_facility_of_tcp_wrappers_own_line(written: Written, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(5)
        for facility, number in (("auth", 4), ("local3", 19)):
            written.log.configure(Settings.model_validate({"policy": {"facility": facility}}))
            one = record()
            one.severity = "info"
            written.log.admitted_by_rule(one)
            written.log.flush()
            assert daemon.recv(1000).startswith(f"<{number << 3 | 6}>".encode())
