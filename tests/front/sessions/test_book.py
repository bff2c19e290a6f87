"""Sessions from first to last moment: counted, numbered, logged once; what began alongside one is called at its end."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import trio

from superd.front.sessions.book import CROWD
from superd.front.sessions.live import SERVED, Exited, LiveSession, Refused, Stage
from superd.through import Through
from superd.verdict import Reason, Verdict
from tests.front.fakes import CLIENT, FakeRunning, Parts, peer, service


def test_a_session_counts_from_its_entry_to_its_end_and_is_logged_once() -> None:
    parts, one = Parts(), service(per_source=3)
    session = parts.book.enter(one, CLIENT, 1000.0)
    assert (session.stage, session.record.conn, len(parts.book)) == (Stage.ACCEPTED, 1, 1)
    assert parts.counts.by_source == {("s", (4, CLIENT.number)): 1}
    parts.book.started(session, 77)
    assert (session.stage, session.record.pid) == (Stage.RUNNING, 77)
    parts.book.over(session, Exited(256, 2.5))
    parts.book.over(session, SERVED)  # a second end, however it comes, changes nothing
    assert parts.log.take() == [("START", "s", 1, 77), ("EXIT", "s", 1, 256, 2.5)]
    assert (session.stage, len(parts.book), parts.counts.total, parts.counts.by_source) == (Stage.OVER, 0, 0, {})


def test_what_the_front_serves_has_its_own_seconds_and_no_status() -> None:
    parts = Parts()
    session = parts.book.enter(service(), CLIENT, parts.clock())
    parts.book.started(session)
    assert session.stage is Stage.SERVING
    parts.clock.now += 4.0
    parts.book.over(session, SERVED)
    assert parts.log.take()[-1] == ("EXIT", "s", 1, None, 4.0)


def test_what_began_alongside_a_session_is_called_once_in_order_after_the_log_line() -> None:
    parts, heard = Parts(), list[str]()
    session = parts.book.enter(service(), CLIENT, 1000.0)
    session.when_over(lambda over: heard.append(f"first {over.record.seconds} {len(parts.log.events)}"))
    session.when_over(lambda over: heard.append("second"))
    session.when_over(lambda over: parts.book.over(over, SERVED))
    parts.book.over(session, Exited(0, 1.5))
    assert heard == ["first 1.5 1", "second"]


def test_a_refused_session_is_logged_as_one_and_a_sensor_bans() -> None:
    parts, trap = Parts(), service("trap", flags=["SENSOR"], deny_time=5)
    session = parts.book.enter(trap, CLIENT, 1000.0)
    parts.book.over(session, Refused(Verdict(False, Reason.SENSOR)))
    assert parts.sensors.left((4, CLIENT.number), 1000.0) == 300.0
    other = peer("192.0.2.8")
    parts.book.turned_away(trap, other, Verdict(False, Reason.SENSOR))
    assert parts.sensors.why((4, other.number)) == "sensor trap 1"
    parts.book.turned_away(service(), peer("192.0.2.9"), Verdict(False, Reason.RATE))
    assert len(parts.sensors) == 2
    assert [event[0] for event in parts.log.events] == ["FAIL", "crit", "FAIL", "crit", "FAIL"]
    exempt = service("spare", flags=["SENSOR"], deny_time="FOREVER", limits={"penalties": {"exempt": ["192.0.2.9"]}})
    parts.log.take()
    parts.book.turned_away(exempt, peer("192.0.2.9"), Verdict(False, Reason.SENSOR))
    parts.book.turned_away(service("shy", flags=["SENSOR"]), peer("192.0.2.10"), Verdict(False, Reason.SENSOR))
    assert len(parts.sensors) == 2
    assert [event[0] for event in parts.log.take()] == ["FAIL", "FAIL"]
    assert parts.counts.total == 0


@pytest.mark.parametrize("believed", [False, True])
def test_a_datagram_costs_and_bans_only_where_its_sender_is_believed(believed: bool) -> None:
    parts, limits = Parts(), {"penalties": {"refused": 60, "datagrams": believed}}
    trap = service("trap", flags=["SENSOR"], deny_time=5, socket_type="dgram", limits=limits)
    one = service(socket_type="dgram", type=["INTERNAL"], service="echo", limits=limits)
    parts.book.datagram_refused(trap, CLIENT, Verdict(False, Reason.SENSOR), logged=False)
    parts.book.datagram_refused(one, CLIENT, Verdict(False, Reason.ADDRESS), logged=True)
    assert len(parts.sensors) == believed
    assert (one.access.penalised(CLIENT, 1000.0) is not None) is believed
    assert [event[0] for event in parts.log.events if event[0] == "FAIL"] == ["FAIL"]


def test_a_number_that_was_adopted_is_not_given_out_again() -> None:
    """A new front that began at 1 again took its sessions for those of the front before it: counts stayed for good."""
    parts, one, running = Parts(), service(instances=5), FakeRunning()
    first = parts.book.adopt(one, 1, 700, CLIENT, 990.0, 2, running)
    assert first is not None
    assert (first.stage, first.launcher, first.record.started, first.running) == (Stage.RUNNING, 2, 990.0, running)
    waiting = parts.book.adopt(one, 3, 0, None, 990.0, 2, running)
    assert waiting is not None
    assert waiting.stage is Stage.HANDED_OVER
    assert parts.book.enter(one, CLIENT, 1000.0).record.conn == 2
    assert parts.book.adopt(one, 2, 701, CLIENT, 990.0, 2, running) is None
    assert parts.counts.by_service == {"s": 3}


def test_a_number_in_use_is_passed_over_when_numbers_begin_again() -> None:
    parts, one = Parts(), service()
    parts.book.adopt(one, 0x7FFFFFFF, 9, None, 1.0, 1, FakeRunning())
    parts.book.adopt(one, 1, 10, None, 1.0, 1, FakeRunning())
    assert parts.book.enter(one, CLIENT, 1000.0).record.conn == 2


def test_an_adopted_session_has_its_limit_from_its_own_beginning() -> None:
    parts, one, running = Parts(), service(limits={"session": 60, "kill_grace": 5}), FakeRunning()
    parts.book.adopt(one, 5, 700, CLIENT, 950.0, 2, running)
    parts.clock.now = 1009.0
    parts.deadlines.end_overdue()
    assert running.signals == []
    parts.clock.now = 1010.0
    parts.deadlines.end_overdue()
    assert running.signals == [(5, signal.SIGTERM)]


async def test_waiting_for_the_last_session_returns_when_it_is_over_and_at_once_when_there_is_none() -> None:
    parts = Parts()
    await parts.book.wait_empty()
    sessions = [parts.book.enter(service(), CLIENT, 1000.0) for _ in range(2)]
    done = list[str]()

    async def wait() -> None:
        await parts.book.wait_empty()
        done.append("empty")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for session in sessions:
            await trio.testing.wait_all_tasks_blocked()
            assert done == []
            parts.book.over(session, SERVED)
    assert done == ["empty"]


def test_at_the_end_every_session_is_signalled_and_silence_says_so() -> None:
    parts, sessions = Parts(), list[LiveSession]()
    for _ in range(2):
        session = parts.book.enter(service(limits={"idle": 7}), CLIENT, 1000.0)
        session.running = FakeRunning()
        sessions.append(session)
    parts.book.end_silent(sessions[0])
    assert parts.log.take() == [("notice", "s", "ended after 7 s of silence (`limits.idle`)")]
    parts.book.end_all()
    assert [len(session.running.signals) for session in sessions if isinstance(session.running, FakeRunning)] == [2, 1]


def test_the_end_of_a_crowd_is_reported_once() -> None:
    parts = Parts()
    crowd = [parts.book.enter(service(), CLIENT, 1000.0) for _ in range(CROWD)]
    for session in crowd:
        parts.book.over(session, SERVED)
    assert parts.crowds == 1


def test_refusals_and_ends_penalise_their_source_but_never_a_proxy() -> None:
    parts = Parts()
    keys: dict[str, Any] = {"limits": {"penalties": {"refused": 10, "exit_nonzero": 5}}}
    one = service(**keys)
    parts.book.turned_away(one, CLIENT, Verdict(False, Reason.ADDRESS))
    session = parts.book.enter(one, CLIENT, parts.clock())
    parts.book.over(session, Exited(256, 1.0))
    assert one.access.penalties is not None
    assert one.access.penalties.left(one.access.source_of(CLIENT), parts.clock()) == 15.0
    told = [event for event in parts.log.take() if event[0] == "notice"]
    assert told == [("notice", "s", "192.0.2.7 is refused for 10 s: refused 1")]
    proxied = service(proxy_protocol="any", proxy_from=["192.0.2.7"], **keys)
    parts.book.turned_away(proxied, CLIENT, Verdict(False, Reason.PROXY))
    assert not proxied.access.penalties
    parts.book.turned_away(proxied, CLIENT, Verdict(False, Reason.ADDRESS), Through(CLIENT))
    assert proxied.access.penalties


def test_a_session_is_counted_under_its_networks_until_it_is_over() -> None:
    parts = Parts()
    session = parts.book.enter(service(limits={"source": [{"v4": 24, "sessions": 3}]}), CLIENT, parts.clock())
    assert list(parts.counts.by_source.values()) == [1]
    parts.book.over(session, SERVED)
    assert parts.counts.by_source == {}
