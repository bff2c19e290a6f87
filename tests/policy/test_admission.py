"""What a service itself says of a connection: one reason at a time, addresses first and rates last."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superd.occupancy import Occupancy
from superd.peer import Peer, peer_from_text, unix_peer
from superd.policy.admission import admit, compile_access
from superd.policy.penalties import Cause, Penalties, sensors_table
from superd.policy.wished import Wished
from superd.service import Service
from superd.verdict import ADMITTED, Ask, Need, Reason, Verdict


@dataclass
class World:
    sensors: Penalties = field(default_factory=sensors_table)
    wished: Wished = field(default_factory=Wished)
    load_now: float = 0.0
    limit: int | None = None

    def load(self, now: float) -> float:
        return self.load_now

    def minute_of_week(self) -> tuple[int, int]:
        return 0, 600

    def process_limit(self) -> int | None:
        return self.limit


def service(**keys: Any) -> Service:
    return Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7, "cps": [0, 0], **keys})


def reason(keys: dict[str, Any], world: World | None = None, counts: Occupancy | None = None) -> Reason | None:
    answer = admit(compile_access(service(**keys)), peer_from_text("10.1.1.1"), counts or Occupancy(), 0.0, world or World())
    return None if answer is ADMITTED else refusal(answer).reason


def refusal(answer: Verdict | Ask) -> Verdict:
    """The verdict, which admits no client."""
    assert isinstance(answer, Verdict)
    assert not answer.admit
    return answer


def test_each_key_has_its_reason() -> None:
    busy, banned = Occupancy(), World()
    busy.enter("s", (4, 0x0A010101))
    banned.sensors.ban((4, 0x0A010101), "sensor trap", 60.0, 0.0)
    assert reason({}) is None
    assert reason({}, banned) is Reason.PENALTY
    assert reason({"limits": {"penalties": {"exempt": ["10.1.1.0/24"]}}}, banned) is None
    assert reason({"no_access": ["10.0.0.0/8"], "only_from": ["10.1.1.1"]}) is Reason.ADDRESS  # no_access wins
    assert reason({"only_from": ["192.0.2.0/24"]}) is Reason.ADDRESS
    assert reason({"max_load": 2.0}, World(load_now=2.0)) is Reason.LOAD
    assert reason({"access_times": ["12:00-13:00"]}) is Reason.HOURS
    assert reason({"instances": 1}, counts=busy) is Reason.INSTANCES
    assert reason({"per_source": 1}, counts=busy) is Reason.PER_SOURCE
    assert reason({}, World(limit=1), busy) is Reason.PROCESSES


def test_who_may_not_come_uses_up_no_rate() -> None:
    access = compile_access(service(cps=[1, 10], no_access=["192.0.2.1"]))
    counts, world = Occupancy(), World()
    for _ in range(5):
        refused = admit(access, peer_from_text("192.0.2.1"), counts, 0.0, world)
        refused = refusal(refused)
        assert refused.reason is Reason.ADDRESS
    assert admit(access, peer_from_text("10.1.1.1"), counts, 0.0, world) is ADMITTED
    over = admit(access, peer_from_text("10.1.1.1"), counts, 0.0, world)
    over = refusal(over)
    assert over.reason is Reason.RATE


def test_a_rate_of_zero_is_none() -> None:
    access, counts, world = compile_access(service(cps=[0, 30])), Occupancy(), World()
    assert all(admit(access, peer_from_text("10.1.1.1"), counts, 0.0, world) is ADMITTED for _ in range(100))


@given(st.integers(1, 5), st.integers(0, 10))
def test_so_many_live_at_once_as_instances_says(instances: int, tries: int) -> None:
    access, counts = compile_access(service(instances=instances)), Occupancy()
    for _ in range(tries):
        if admit(access, peer_from_text("10.1.1.1"), counts, 0.0, World()) is ADMITTED:
            counts.enter("s", None)
    assert counts.total == min(instances, tries)


def test_a_unix_peer_is_held_against_users_and_groups_and_never_against_addresses() -> None:
    alice, other = unix_peer(1000, (100, 7)), unix_peer(1001, (101,))

    def answer(peer: Peer, **keys: Any) -> bool:
        return admit(compile_access(service(**keys)), peer, Occupancy(), 0.0, World()) is ADMITTED

    assert answer(alice, only_from=["uid:1000"])
    assert not answer(other, only_from=["uid:1000"])
    assert answer(alice, only_from=["gid:7"])
    assert not answer(alice, no_access=["gid:100"])
    assert not answer(alice, only_from=[])
    assert not answer(alice, only_from=["0.0.0.0/0", "[::]/0"])
    assert answer(alice, only_from=["ALL"])
    assert not answer(unix_peer(None), only_from=["uid:1000"])
    assert not answer(peer_from_text("192.0.2.1"), only_from=["uid:1000"])


def test_unix_peers_are_counted_by_user() -> None:
    access, counts = compile_access(service(per_source=1)), Occupancy()
    counts.enter("s", access.counted_source(unix_peer(1000)))
    refusal(admit(access, unix_peer(1000), counts, 0.0, World()))
    assert admit(access, unix_peer(1001), counts, 0.0, World()) is ADMITTED


def test_exempt_sources_are_held_by_no_limit_of_one_source() -> None:
    access, counts = compile_access(service(per_source=1, cps=[1, 10], limits={"exempt": ["10.1.1.0/24"]})), Occupancy()
    for _ in range(5):
        assert admit(access, peer_from_text("10.1.1.1"), counts, 0.0, World()) is ADMITTED
        assert access.counted_source(peer_from_text("10.1.1.1")) is None
    assert admit(access, peer_from_text("10.1.2.1"), counts, 0.0, World()) is ADMITTED
    refusal(admit(access, peer_from_text("10.1.2.1"), counts, 0.0, World()))


def test_by_default_a_probe_each_ten_milliseconds_is_admitted_for_ever() -> None:
    access = compile_access(Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7}))
    for number in range(5000):
        assert admit(access, peer_from_text("10.1.1.1"), Occupancy(), number / 100, World()) is ADMITTED
    assert access.rate_news() == []


def test_a_flood_is_reported_when_it_begins_and_when_it_ends_with_the_values() -> None:
    access = compile_access(service(cps=[10, 0]))
    answers = [admit(access, peer_from_text("10.1.1.1"), Occupancy(), number / 1000, World()) for number in range(1000)]
    assert answers.count(ADMITTED) == 59  # five seconds' worth, and what the one second brought
    (began,) = access.rate_news()
    assert began == ("10.1.1.1 makes more than 10 connections a second and 50 at once (cps): the rest is refused")
    assert admit(access, peer_from_text("10.1.1.1"), Occupancy(), 10.0, World()) is ADMITTED
    (ended,) = access.rate_news()
    assert ended == "10.1.1.1 has slowed down: 941 connections were refused in 10 s"


def test_a_datagram_service_with_a_program_for_each_sender_has_a_limit_unless_one_is_written() -> None:
    """Senders are forged: 3,000 datagrams in six seconds started 3,001 programs."""

    def limit(**keys: Any) -> int | None:
        return compile_access(service(socket_type="dgram", **keys)).instances

    assert (limit(), limit(instances=7), limit(instances="UNLIMITED"), limit(wait=True)) == (64, 7, None, None)
    assert compile_access(pickle.loads(pickle.dumps(service(socket_type="dgram")))).instances == 64  # as the front gets it
    assert compile_access(service()).instances is None


def test_a_network_is_limited_at_several_lengths_at_once() -> None:
    limits = {"source": [{"v4": 24, "v6": 48, "sessions": 2}, {"v4": 16, "v6": 32, "sessions": 3}], "exempt": ["10.1.9.9"]}
    access, counts = compile_access(service(limits=limits)), Occupancy()

    def come(address: str) -> str:
        peer = peer_from_text(address)
        answer = admit(access, peer, counts, 0.0, World())
        if answer is ADMITTED:
            counts.enter("s", access.counted_source(peer), access.counted_networks(peer))
            return ""
        return refusal(answer).why()

    assert [come(f"10.1.1.{last}") for last in (1, 2)] == ["", ""]
    assert come("10.1.1.3") == "source_limit: 2 of 10.1.1.0/24 run"
    assert come("10.1.2.1") == ""
    assert come("10.1.3.1") == "source_limit: 3 of 10.1.0.0/16 run"
    assert [come("10.1.9.9"), come("10.2.1.1")] == ["", ""]
    assert [come(f"2001:db8:0:{last}::1") for last in (1, 2)] == ["", ""]
    assert come("2001:db8:0:3::1") == "source_limit: 2 of 2001:db8::/48 run"


def test_a_network_has_a_rate_of_its_own_that_is_reported() -> None:
    access = compile_access(service(limits={"source": [{"v4": 24, "rate": [1, 2]}]}))
    answers = [admit(access, peer_from_text(f"10.1.1.{last}"), Occupancy(), 0.0, World()) for last in range(3)]
    assert answers[:2] == [ADMITTED, ADMITTED]
    assert refusal(answers[2]).reason is Reason.SOURCE_LIMIT
    (line,) = access.rate_news()
    assert line == "10.1.1.0/24 makes more than 1 connection a second and 2 at once (source_limit): the rest is refused"
    again = compile_access(service(limits={"source": [{"v4": 24, "rate": [1, 2]}]}))
    again.adopt(access)
    refusal(admit(again, peer_from_text("10.1.1.9"), Occupancy(), 0.1, World()))


def test_a_source_with_penalties_is_refused_until_they_have_gone_by() -> None:
    keys = {"penalties": {"refused": 10, "signal": "30s", "exempt": ["2001:db8::9"]}}
    access = compile_access(service(limits=keys))
    bad, neighbour, good = (peer_from_text(f"2001:db8::{last}") for last in (1, 2, 9))
    access.penalise(bad, Cause.REFUSED, 100.0)
    access.penalise(good, Cause.SIGNAL, 100.0)
    assert access.penalty_news(100.0) == ["2001:db8::/64 is refused for 10 s: refused 1"]
    for peer in (bad, neighbour):
        answer = admit(access, peer, Occupancy(), 101.0, World())
        answer = refusal(answer)
        assert answer.why() == "penalty: for another 9 s: refused 1"
    assert admit(access, good, Occupancy(), 101.0, World()) is ADMITTED
    again = compile_access(service(limits=keys))
    again.adopt(access)
    refusal(admit(again, bad, Occupancy(), 102.0, World()))
    wider = compile_access(service(limits={**keys, "v6_prefix": 56}))
    wider.adopt(access)
    assert admit(wider, bad, Occupancy(), 102.0, World()) is ADMITTED
    assert admit(again, bad, Occupancy(), 111.0, World()) is ADMITTED
    assert again.penalty_news(111.0) == ["2001:db8::/64 is refused no longer; refused meanwhile: 3"]


def test_a_name_exempts_from_penalties_once_it_is_asked_for() -> None:
    access = compile_access(service(limits={"penalties": {"refused": 60, "exempt": [".example.org"]}}))
    client = peer_from_text("192.0.2.1")
    assert admit(access, client, Occupancy(), 0.0, World()) is ADMITTED  # without penalties no name is asked for
    access.penalise(client, Cause.REFUSED, 0.0)
    answer = admit(access, client, Occupancy(), 0.0, World())
    assert isinstance(answer, Ask)
    assert (answer.need, answer.own) == (Need.HOST_NAME, True)
    assert admit(access, replace(client, name="a.example.org"), Occupancy(), 0.0, World()) is ADMITTED
    for name in ("unknown", "paranoid", "example.net"):
        refused = admit(access, replace(client, name=name), Occupancy(), 0.0, World())
        refused = refusal(refused)
        assert refused.reason is Reason.PENALTY
    access = compile_access(service(limits={"penalties": {"refused": 60, "exempt": ["cert:*"]}}))
    access.penalise(client, Cause.REFUSED, 0.0)
    refused = admit(access, client, Occupancy(), 0.0, World())
    refused = refusal(refused)
    assert refused.reason is Reason.PENALTY


def test_a_source_is_said_with_its_prefix_unless_that_is_all_of_it() -> None:
    narrow = compile_access(service(limits={"v4_prefix": 32, "v6_prefix": 128}))
    wide = compile_access(service(limits={"v4_prefix": 24, "v6_prefix": 48}))
    four, six = peer_from_text("10.1.2.3"), peer_from_text("2001:db8:1:2::3")
    assert [narrow.describe(narrow.source_of(peer)) for peer in (four, six)] == ["10.1.2.3", "2001:db8:1:2::3"]
    assert [wide.describe(wide.source_of(peer)) for peer in (four, six)] == ["10.1.2.0/24", "2001:db8:1::/48"]
    assert [wide.shift(version) for version in (4, 6)] == [8, 80]
    assert [narrow.describe(narrow.source_of(peer)) for peer in (unix_peer(7), unix_peer(0))] == ["uid:7", "uid:0"]
    assert narrow.describe((0, -1)) == "the service"


def test_clients_that_are_quiet_are_those_of_the_list() -> None:
    access = compile_access(service(quiet=["192.0.2.0/24", ".example.org"]))
    known = peer_from_text("10.1.1.1", name="a.example.org")
    assert [access.is_quiet(peer_from_text(text)) for text in ("192.0.2.9", "192.0.3.9")] == [True, False]
    assert [access.is_quiet(peer) for peer in (known, None)] == [True, False]
    assert not compile_access(service()).is_quiet(known)


LIMITED: list[dict[str, Any]] = [
    {"cps": [2, 5]},
    {"limits": {"source_rate": [2, 3]}},
    {"limits": {"source": [{"v4": 24, "rate": [2, 3]}]}},
    {"limits": {"per_minute": [3, 20]}},
]


@given(st.sampled_from(LIMITED), st.lists(st.integers(0, 8), max_size=30))
def test_what_is_too_quick_is_what_is_refused_for_it(keys: dict[str, Any], steps: list[int]) -> None:
    access, peer, now = compile_access(service(**keys)), peer_from_text("10.1.1.1"), 0.0
    for step in steps:
        now += step / 4
        expected = access.too_quick(peer, now)
        answer = admit(access, peer, Occupancy(), now, World())
        assert expected is (None if answer is ADMITTED else refusal(answer).reason)
        if answer is ADMITTED and access.starts is not None:
            access.starts.count(now)


def test_an_exempt_client_is_too_quick_for_the_starts_of_the_service_alone() -> None:
    exempt = {"exempt": ["10.1.1.1"]}
    peer = peer_from_text("10.1.1.1")
    for keys in LIMITED:
        access = compile_access(service(**{**keys, "limits": {**keys.get("limits", {}), **exempt}}))
        answers = []
        for _ in range(9):
            answers.append(admit(access, peer, Occupancy(), 0.0, World()) is ADMITTED)
            if access.starts is not None and answers[-1]:
                access.starts.count(0.0)
        assert answers == ([True] * 3 + [False] * 6 if access.starts is not None else [True] * 9)
        assert access.too_quick(peer, 0.0) is (Reason.STARTS if access.starts is not None else None)


@given(st.sampled_from(LIMITED))
def test_what_was_counted_goes_with_the_same_limit_and_with_no_other(keys: dict[str, Any]) -> None:
    old, peer = compile_access(service(**keys)), peer_from_text("10.1.1.1")
    for _ in range(9):
        if admit(old, peer, Occupancy(), 0.0, World()) is ADMITTED and old.starts is not None:
            old.starts.count(0.0)
    assert old.too_quick(peer, 0.0) is not None
    for other in LIMITED:
        new = compile_access(service(**other))
        new.adopt(old)
        assert new.too_quick(peer, 0.0) is (old.too_quick(peer, 0.0) if other == keys else None)
        assert len(new.tables) == (0 if "per_minute" in other.get("limits", {}) else 1)


def test_a_fact_that_is_asked_for_is_a_name() -> None:
    for keys in ({"only_from": [".example.org"]}, {"no_access": [".example.org"]}):
        asked = admit(compile_access(service(**keys)), peer_from_text("10.1.1.1"), Occupancy(), 0.0, World())
        assert asked == Ask(Need.HOST_NAME, own=True)


def test_refusals_say_what_runs_and_what_may() -> None:
    busy = Occupancy()
    for _ in range(2):
        busy.enter("s", (4, 0x0A010101))
    peer = peer_from_text("10.1.1.1")
    for keys, detail in (({"instances": 2}, "2 instances run"), ({"per_source": 2}, "2 of this source run")):
        refused = refusal(admit(compile_access(service(**keys)), peer, busy, 0.0, World()))
        assert (refused.detail, refused.limit, refused.now) == (detail, 2, 2)
    assert admit(compile_access(service(instances=3, per_source=3)), peer, busy, 0.0, World()) is ADMITTED
    loaded = refusal(admit(compile_access(service(max_load=2.0)), peer, busy, 0.0, World(load_now=2.1251)))
    assert (loaded.detail, loaded.limit, loaded.now) == ("load 2.13", 2.0, 2.13)
