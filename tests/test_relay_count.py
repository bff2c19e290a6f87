"""How many relays there may be."""

from __future__ import annotations

import os

import pytest

from superd.relay_count import MOST, relay_count


def test_it_is_what_the_settings_say_or_one_a_processor_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert relay_count(3) == 3
    for processors, expected in ((1, 1), (2, 2), (64, MOST)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, processors=processors: set(range(processors)))
        assert relay_count(None) == expected
