"""What a front counted reaches the next one; what does not look like it, and what has no room, is left out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from superd.front.kept import Counted, kept, pieces, restore
from superd.front.sessions.tally import Tallies
from superd.policy.penalties import Cause, sensors_table
from superd.policy.wished import Wished
from superd.verdict import Reason, Verdict
from superd.wishes import Ban
from tests.front.fakes import CLIENT, peer, service

NOW = 6000.0
A = (4, CLIENT.number)


def counted(**keys: Any) -> Counted:
    """A front with one service."""
    wished = Wished()
    wished.replace([(Ban("192.0.2.0/24", "", 0.0, 0.0, 0), math.inf)], (), NOW)
    return Counted({"s": service("s", **keys)}, sensors_table(), wished, Tallies())


def test_what_was_counted_goes_on_in_the_next_front() -> None:
    keys = {
        "cps": [1, 600],
        "limits": {
            "source_rate": [1, 2], "per_minute": [1, 60], "source": [{"v4": 8, "rate": [1, 2]}], "penalties": {"signal": 30}
        },
    }  # fmt: skip
    old, new = counted(**keys), counted(**keys)
    access = old.services["s"].access
    old.sensors.ban(A, "sensor trap", math.inf, NOW)
    old.sensors.ban((4, 9), "sensor trap", 60.0, NOW)
    assert access.over_rate(CLIENT, NOW) is None
    assert access.over_rate(CLIENT, NOW) is not None
    assert access.over_rate(peer("192.0.2.200"), NOW) is None  # the second of its network
    assert access.starts is not None
    access.starts.count(NOW)
    access.penalise(CLIENT, Cause.SIGNAL, NOW)
    assert access.penalised(CLIENT, NOW) is not None
    assert old.wished.refusal("s", CLIENT, NOW) is not None
    tally = old.tallies.of("s")
    tally.count_start(NOW - 600, 0.01)
    tally.count_start(NOW, 0.01)
    tally.count_end(5.0, 256)
    tally.count_refusal(Verdict(False, Reason.INSTANCES, detail="full"), CLIENT, NOW - 60)

    restore(kept(old, NOW + 1), new, NOW + 2)
    again = new.services["s"].access
    assert new.sensors.refuses(A, 1e12)
    assert new.sensors.left((4, 9), NOW + 2) == 58.0
    assert again.over_rate(CLIENT, NOW + 2) is not None
    assert again.over_rate(peer("192.0.2.201"), NOW) is not None  # its network is at its limit
    assert again.over_rate(peer("203.0.113.1"), NOW) is None
    assert again.starts is not None
    assert not again.starts.open(NOW + 2)
    assert again.penalties is not None
    ((source, known),) = again.penalties.living(NOW + 2)
    assert (source, known.until, known.refused, known.why()) == (A, NOW + 30, 1, "signal 1")
    assert new.wished.hits() == [("192.0.2.0/24", "", 1)]
    there = new.tallies.of("s")
    assert there.state(NOW) == tally.state(NOW)
    there.count_start(NOW + 1, 0.01)
    assert there.rate(NOW + 1)[0] == 2
    assert sum(minute.started for minute in there.hour(NOW + 1) if minute) == 3


def test_an_hour_later_the_minutes_are_past_and_the_totals_are_not() -> None:
    old, new = counted(), counted()
    old.tallies.of("s").count_start(NOW, 0.01)
    data = kept(old, NOW)
    restore(data, new, NOW + 3600)
    assert (new.tallies.of("s").started, new.tallies.of("s").minutes) == (1, {})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b"[1]",
        b"[" * 100_000,
        b'{"sensors": 1, "services": 2, "tallies": {}, "rates": [1, [2]], "hits": [["", [1, 2, 3]], ["", ["x", "", -1]]]}',
        b'{"sensors": [["", [4]], ["", [4, 1, 1e9, 0, 0, {}]], ["", [5, 1, 9, 0, 0, {"x": 1}]], ["", [4, -2, 9, 0, 0, {}]]]}',
        b'{"sensors": [["", [4, 1, "x", 0, 0, {"x": 1}]], ["", [4, 1, 9, 0, -1, {"x": 1}]], ["", [4, 1, NaN, 0, 0, {"x": 1}]]]}',
        b'{"sensors": [["", [true, 1, 1e9, 0, 0, {"x": 1}]], ["", [4, 1, 1e9, 0, 0, {"x": "y"}]]]}',
        b'{"rates": [["s", [0, 4, 1, "x", 2]], ["s", [9, 4, 1, 1, 2]], ["s", [-1, 4, 1, 1, 2]]], "starts": [["s", [1, 2]]]}',
        b'{"starts": [["s", [NaN, 1, 2]]], "penalties": [["s", [4, 1, 1e9, 0, 0, {"x": 1}]], ["t", 1]]}',
        b'{"tallies": [["s", [1]], ["s", [1, [[1]], {}, [], 0, [], 0, [], ""]], ["s", [-1, [], {}, [], 0, [], 0, [], ""]]]}',
        b'{"tallies": [["s", [1, [], {"nonsense": [1, "", "", 0]}, [], 0, [], 0, [], ""]], ["t", [1]]]}',
    ],
)
def test_what_does_not_look_like_it_is_left_out(data: bytes) -> None:
    there, fresh = counted(cps=[1, 600]), counted(cps=[1, 600])
    restore(data, there, 1.0)
    assert len(there.sensors) == 0
    assert there.wished.hits() == fresh.wished.hits()
    assert there.services["s"].access.over_rate(CLIENT, 1.0) is None
    assert there.tallies.of("s").state(1.0) == fresh.tallies.of("s").state(1.0)


def test_a_pause_is_never_longer_than_the_services_own() -> None:
    there = counted(cps=[1, 10])
    restore(b'{"rates": [["s", [0, 4, %d, 5.0, 1e12]]]}' % CLIENT.number, there, 0.0)
    assert there.services["s"].access.over_rate(CLIENT, 9.0) is not None
    assert there.services["s"].access.over_rate(CLIENT, 11.0) is None


def test_what_has_no_room_is_left_out_and_the_rest_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superd.front.kept.MAX_KEPT", 500)
    many = counted(cps=[1, 600])
    for number in range(50):
        many.services["s"].access.over_rate(peer(f"192.0.2.{number}"), NOW)
    many.sensors.ban(A, "sensor trap", 60.0, NOW)
    found = json.loads(kept(many, NOW))
    assert found["rates"] == []
    assert len(found["sensors"]) == 1


def test_the_loop_may_do_something_else_between_the_pieces() -> None:
    many = counted(limits={"penalties": {"refused": 60}})
    access = many.services["s"].access
    for number in range(5000):
        access.penalise(peer(f"10.0.{number >> 8}.{number & 255}"), Cause.REFUSED, NOW)
    assert sum(not piece for piece in pieces(many, NOW)) >= 5
    assert len(json.loads("".join(pieces(many, NOW)))["penalties"]) == 5000
