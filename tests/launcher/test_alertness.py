"""A launcher that was roused looks for a launch for a moment, and sleeps then."""

from __future__ import annotations

import os
import select
import time

import pytest

from superd.launcher.alertness import AWAKE, Alertness


def made(monkeypatch: pytest.MonkeyPatch, processors: int = 2) -> tuple[Alertness, int, int]:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    ours, theirs = os.pipe()
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    return Alertness(poll), ours, theirs


def test_without_a_word_it_looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    alertness, ours, theirs = made(monkeypatch)
    monkeypatch.setattr(os, "sched_yield", lambda: pytest.fail("it stays awake"))
    assert alertness.look() == []
    os.write(theirs, b"x")
    assert alertness.look() == [(ours, select.POLLIN)]


def test_roused_it_sees_what_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    alertness, ours, theirs = made(monkeypatch)
    monkeypatch.setattr(os, "sched_yield", lambda: os.write(theirs, b"x"))
    alertness.rouse(time.monotonic() + 1000)
    assert alertness.look() == [(ours, select.POLLIN)]
    os.read(ours, 1)
    assert alertness.look() == []  # what it was roused for has come


def test_roused_for_nothing_it_sleeps_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    alertness, _, _ = made(monkeypatch)
    now = [10.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "sched_yield", lambda: now.__setitem__(0, now[0] + AWAKE / 4))
    alertness.rouse(10.0)
    assert alertness.look() == []
    assert 10.0 + AWAKE <= now[0] < 10.0 + 2 * AWAKE


def test_on_a_single_processor_it_leaves_it_to_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    alertness, _, _ = made(monkeypatch, processors=1)
    monkeypatch.setattr(os, "sched_yield", lambda: pytest.fail("it stays awake"))
    alertness.rouse(time.monotonic())
    assert alertness.look() == []
