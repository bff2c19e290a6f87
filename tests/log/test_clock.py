"""Times in each format's way, in local time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.log.clock import Clock
from tests.log.events import WHEN


@pytest.fixture(params=["UTC", "Asia/Kolkata", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_rfc_3339_has_microseconds_and_an_offset(zone: str) -> None:
    text = Clock().rfc3339(WHEN)
    offset = {"UTC": "+00:00", "Asia/Kolkata": "+05:30", "America/St_Johns": "-03:30"}[zone]
    assert text.endswith(f".120931{offset}") or text.endswith(f".120930{offset}")
    hours = timedelta(hours=int(offset[:3]), minutes=int(offset[0] + offset[4:]))
    assert datetime.fromisoformat(text).replace(microsecond=0) == datetime.fromtimestamp(int(WHEN), timezone(hours))


def test_each_format_has_its_own_way() -> None:
    clock = Clock()
    clock.set(WHEN)
    local = time.localtime(WHEN)
    assert clock.native == time.strftime("%Y-%m-%d %H:%M:%S%z", local)
    assert clock.syslog == time.strftime("%b %e %H:%M:%S", local)
    assert clock.xinetd == f"26/{local.tm_mon}/{local.tm_mday}@{time.strftime('%H:%M:%S', local)}"


@given(st.floats(1, 4e9), st.floats(1, 4e9))
def test_a_clock_set_to_another_second_shows_that(one: float, other: float) -> None:
    clock = Clock()
    clock.set(one)
    shown = clock.rfc3339(other)
    assert shown == Clock().rfc3339(other)
