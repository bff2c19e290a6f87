"""A front that makes room: it waits for the word and for verdicts, and what it knew reaches the next one, or is left out."""

from __future__ import annotations

import json
import os

import pytest
import trio
import trio.testing

from superd.front.retirement import PAUSE, kept, restore, retire
from superd.ipc.front_orders import RETIRE_SECONDS
from superd.policy.bans import Sensor
from superd.policy.rate import RateTable
from tests.front.fakes import CLIENT, Parts, peer, service


def test_bans_and_rates_go_on_in_the_next_front() -> None:
    one = service(cps=[1, 600], limits={"source_rate": [1, 2], "per_minute": [1, 60]})
    sensor = Sensor()
    sensor.ban(CLIENT, "FOREVER", 100.0)
    sensor.ban(peer("192.0.2.9"), 1, 100.0)
    assert one.access.over_rate(CLIENT, 100.0) is None
    assert one.access.over_rate(CLIENT, 100.0) is not None
    assert one.access.starts is not None
    one.access.starts.count(100.0)
    data = kept({"s": one}, sensor, 101.0)

    again, bans = service(cps=[1, 600], limits={"source_rate": [1, 2], "per_minute": [1, 60]}), Sensor()
    restore(data, {"s": again}, bans, 102.0)
    assert bans.banned(CLIENT, 1e9)
    assert bans.banned(peer("192.0.2.9"), 102.0)
    assert not bans.banned(peer("192.0.2.9"), 161.0)
    assert again.access.over_rate(CLIENT, 103.0) is not None
    assert again.access.over_rate(peer("192.0.2.9"), 103.0) is None
    assert again.access.starts is not None
    assert not again.access.starts.open(103.0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b"[1]",
        b"[" * 100_000,
        b'{"bans": 1, "services": 2}',
        b'{"bans": [[4], [4, 1], [5, 1, 2], [4, -2, 3], [4, 1, "x"], [true, 1, 2]], "services": {"s": [], "x": {}}}',
        b'{"services": {"s": {"rates": [[[4, 1, "x", 2], 7], 8, 9], "starts": [1, 2]}}}',
        b'{"services": {"s": {"rates": [], "starts": [NaN, 1, 2]}}}',
    ],
)
def test_what_does_not_look_like_it_is_left_out(data: bytes) -> None:
    one, sensor = service(cps=[1, 600]), Sensor()
    restore(data, {"s": one}, sensor, 1.0)
    assert len(sensor) == 0
    assert one.access.over_rate(CLIENT, 1.0) is None


def test_a_pause_is_never_longer_than_the_service_s_own() -> None:
    table = RateTable(1, 1, 10)
    table.restore((4, 1), 5.0, 1e12, 0.0)
    assert not table.take((4, 1), 9.0)
    assert table.take((4, 1), 11.0)


async def test_it_waits_for_the_word_then_for_verdicts(autojump_clock: trio.testing.MockClock) -> None:
    parts, happened = Parts(), list[str]()
    told, go = os.pipe()
    memory = os.memfd_create("kept")
    mine = os.dup(memory)
    verdicts = iter((False, True))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            retire, told, memory, lambda: happened.append("closed"), lambda: next(verdicts), lambda: b"kept", parts.log,
            lambda: happened.append("ended"),
        )  # fmt: skip
        await trio.testing.wait_all_tasks_blocked()
        assert happened == []
        os.write(go, b"g")
    assert happened == ["closed", "ended"]
    assert os.pread(mine, 9, 0) == b"kept"
    os.close(go)
    os.close(mine)


async def test_a_verdict_that_does_not_come_does_not_hold_it_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    parts, ends = Parts(), list[float]()
    told, go = os.pipe()
    os.write(go, b"g")
    began = trio.current_time()
    memory = os.memfd_create("kept")
    await retire(
        told, memory, lambda: None, lambda: False, lambda: b"", parts.log, lambda: ends.append(trio.current_time() - began)
    )  # fmt: skip
    assert ends == [pytest.approx(RETIRE_SECONDS, abs=2 * PAUSE)]
    os.close(go)


async def test_a_master_that_changes_its_mind_leaves_it_as_it_is() -> None:
    parts, happened = Parts(), list[str]()
    told, go = os.pipe()
    os.close(go)
    await retire(
        told, os.memfd_create("kept"), lambda: happened.append("closed"), lambda: True, lambda: b"", parts.log,
        lambda: happened.append("ended"),
    )  # fmt: skip
    assert happened == []


def test_what_has_no_room_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superd.front.retirement.MAX_KEPT", 200)
    many = service(cps=[1, 600])
    for number in range(50):
        many.access.over_rate(peer(f"192.0.2.{number}"), 1.0)
    assert json.loads(kept({"s": many}, Sensor(), 1.0)) == {"bans": [], "services": {}}
