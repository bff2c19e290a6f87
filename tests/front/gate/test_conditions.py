"""The world as admission sees it: a load that is read once a second, and a limit that a reload changes."""

from __future__ import annotations

import os

import pytest

from superd.front.gate.conditions import FrontConditions
from superd.settings import Settings


def test_the_load_is_read_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    world, loads = FrontConditions(Settings()), iter([(1.0, 0.0, 0.0), (2.0, 0.0, 0.0)])
    monkeypatch.setattr(os, "getloadavg", lambda: next(loads))
    assert [world.load(now) for now in (100.0, 100.9, 101.0, 101.5)] == [1.0, 1.0, 2.0, 2.0]


def test_the_minute_of_the_week_is_within_it() -> None:
    weekday, minute = FrontConditions(Settings()).minute_of_week()
    assert 0 <= weekday < 7
    assert 0 <= minute < 24 * 60


def test_a_reload_changes_the_limit_on_programs() -> None:
    world = FrontConditions(Settings(process_limit=3))
    assert world.process_limit() == 3
    world.configure(Settings())
    assert world.process_limit() is None
