"""What a service itself says of a connection: one reason at a time, addresses first and rates last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superd.occupancy import Occupancy
from superd.peer import peer_from_text
from superd.policy.admission import admit, compile_access
from superd.policy.bans import Sensor
from superd.service import Service
from superd.verdict import Reason, Verdict


@dataclass
class World:
    sensor: Sensor = field(default_factory=Sensor)
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
    assert answer is None or isinstance(answer, Verdict)
    return None if answer is None else answer.reason


def test_each_key_has_its_reason() -> None:
    busy, banned = Occupancy(), World()
    busy.enter("s", (4, 0x0A010101))
    banned.sensor.ban(peer_from_text("10.1.1.1"), 1, 0.0)
    assert reason({}) is None
    assert reason({}, banned) is Reason.ADDRESS
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
        assert isinstance(refused, Verdict)
        assert refused.reason is Reason.ADDRESS
    assert admit(access, peer_from_text("10.1.1.1"), counts, 0.0, world) is None
    over = admit(access, peer_from_text("10.1.1.1"), counts, 0.0, world)
    assert isinstance(over, Verdict)
    assert over.reason is Reason.RATE


@given(st.integers(1, 5), st.integers(0, 10))
def test_so_many_live_at_once_as_instances_says(instances: int, tries: int) -> None:
    access, counts = compile_access(service(instances=instances)), Occupancy()
    for _ in range(tries):
        if admit(access, peer_from_text("10.1.1.1"), counts, 0.0, World()) is None:
            counts.enter("s", None)
    assert counts.total == min(instances, tries)
