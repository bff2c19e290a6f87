"""How full each limit of a service is, and who has most of it."""

from __future__ import annotations

from superd.occupancy import Occupancy
from superd.policy.fullness import Fullness, fullness
from superd.policy.penalties import Cause
from tests.front.fakes import CLIENT, peer, service

NOW = 1000.0


def test_every_limit_of_a_source_is_there_with_who_fills_it() -> None:
    access = service(
        per_source=3,
        cps=[1, 60],
        limits={
            "per_minute": [10, 60], "penalties": {"refused": 60}, "v6_prefix": 56,
            "source": [{"v4": 24, "v6": 48, "sessions": 9}, {"v4": 8, "rate": [100, 200]}],
        },
    ).access  # fmt: skip
    counts = Occupancy()
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::1"):
        one = peer(address)
        counts.enter("s", access.counted_source(one), access.counted_networks(one))
        counts.enter("other", (4, 1))
    for _ in range(2):
        access.over_rate(CLIENT, NOW)
    access.penalise(CLIENT, Cause.REFUSED, NOW)
    assert access.starts is not None
    access.starts.count(NOW)
    assert fullness(access, counts, NOW + 1) == [
        Fullness("per_source", 2, 3, "192.0.2.7"),
        Fullness("limits.source", 3, 9, "192.0.2.0/24"),
        Fullness("cps", 1, -1, "1 connection a second and 1 at once, then a pause of 60 s"),
        Fullness("limits.source", 0, -1, "100 connections a second and 200 at once"),
        Fullness("limits.per_minute", 1, 10, ""),
        Fullness("limits.penalties", 1, -1, "have penalties"),
    ]
    later = {one.key: one.used for one in fullness(access, Occupancy(), NOW + 3600)}
    assert later == {"per_source": 0, "limits.source": 0, "cps": 0, "limits.per_minute": 0, "limits.penalties": 0}


def test_a_service_without_limits_has_none() -> None:
    assert fullness(service().access, Occupancy(), NOW) == []
