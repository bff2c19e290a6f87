"""A command again and again."""

from __future__ import annotations

import pytest

from superd.cli import watch


def test_once_without_a_time() -> None:
    assert watch.watched(0.0, lambda: 7) == 7


def test_again_until_control_c_with_the_last_status(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("superd.cli.watch.time.sleep", sleep)
    statuses = iter((0, 0, 1))
    assert watch.watched(0.01, lambda: next(statuses)) == 1
    assert slept == [watch.LEAST] * 3
