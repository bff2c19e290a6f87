"""What is counted of a service."""

from __future__ import annotations

from superd.front.sessions.tally import MAX_TALLIES, Tallies, Tally
from superd.peer import peer_from_text
from superd.verdict import Reason, Verdict

PEER = peer_from_text("192.0.2.1", 5)


def refuse(tally: Tally, reason: Reason, now: float) -> None:
    tally.count_refusal(Verdict(False, reason, detail=f"at {now:g}"), PEER, now)


def test_starts_and_refusals_fall_into_their_minutes() -> None:
    tally = Tally()
    tally.count_start(60.0, 0.0)
    tally.count_start(119.0, 0.0)
    refuse(tally, Reason.RATE, 120.0)
    hour = tally.hour(125.0)
    assert len(hour) == 60
    assert [minute.started if minute else None for minute in hour[-3:]] == [None, 2, 0]
    assert hour[-1] is not None
    assert hour[-1].refused == {Reason.RATE: 1}


def test_an_hour_is_kept_and_no_more() -> None:
    tally = Tally()
    for minute in range(200):
        tally.count_start(60.0 * minute, 0.0)
    assert len(tally.minutes) == 60
    assert tally.started == 200


def test_the_rate_is_of_about_the_last_minute() -> None:
    tally = Tally()
    for _ in range(100):
        tally.count_start(59.0, 0.0)
    assert tally.rate(59.5) == (100, 0)
    assert tally.rate(90.0) == (50, 0)
    assert tally.rate(120.0) == (0, 0)


def test_the_last_client_of_each_reason_is_known() -> None:
    tally = Tally()
    refuse(tally, Reason.RATE, 1.0)
    refuse(tally, Reason.RATE, 2.0)
    refuse(tally, Reason.BANNED, 3.0)
    last = tally.reasons[Reason.RATE]
    assert (last.total, last.peer, last.when, last.detail) == (2, "192.0.2.1", 2.0, "at 2")
    assert list(tally.reasons) == [Reason.RATE, Reason.BANNED]


def test_a_service_is_full_for_as_long_as_each_minute_refuses() -> None:
    tally = Tally()
    for minute in (1, 3, 4, 5):
        refuse(tally, Reason.INSTANCES, 60.0 * minute)
    assert tally.full_for(301.0) == 180.0
    assert tally.full_for(361.0) == 0.0


def test_a_start_that_failed_is_known_until_one_succeeds() -> None:
    tally = Tally()
    refuse(tally, Reason.LAUNCH, 1.0)
    assert tally.failing == "at 1"
    tally.count_start(2.0, 0.0)
    assert tally.failing == ""


def test_ends_have_their_kind_and_their_length() -> None:
    tally = Tally()
    for seconds, status in ((0.05, 0), (0.1, 1 << 8), (5.0, 9), (1e9, None)):
        tally.count_end(seconds, status)
    assert tally.exits == [1, 1, 1]
    assert tally.seconds == [2, 0, 1, 0, 0, 0, 0, 1]


def test_counts_are_bounded() -> None:
    tallies = Tallies()
    for number in range(MAX_TALLIES + 10):
        tallies.of(str(number))
    assert tallies.get("0") is None
    assert tallies.get(str(MAX_TALLIES + 9)) is not None
