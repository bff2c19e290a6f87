"""What the running superd says about a client, in words."""

from __future__ import annotations

import time
from typing import Any

import pytest

from superd.cli.explain_live import live

NOTHING: dict[str, Any] = {
    "pid": 812, "ban": None, "sensor": "", "paused": None, "sessions": 3, "limit": 50, "of_source": 1, "source_limit": None,
    "refused": "", "detail": "", "waits": False,
}  # fmt: skip
BAN = {"prefix": "192.0.2.0/24", "by": 0, "until": 0.0, "because": "loop"}
PAUSE = {"service": "git", "since": time.time(), "by": 0, "because": "", "drain": False}


def test_nothing_in_the_way_is_the_limits_alone() -> None:
    assert live(NOTHING).lines == ("limits: 3 of 50 programs run", "asked the running superd (pid 812)")
    assert live(NOTHING).refuses == ""


@pytest.mark.parametrize(
    ("changed", "part", "refuses"),
    [
        ({"ban": BAN}, 'bans: 192.0.2.0/24 is banned by root: "loop"', "banned"),
        ({"sensor": "for ever: sensor trap 2"}, "penalties: a sensor banned the client for ever: sensor trap 2", "penalty"),
        ({"paused": {**PAUSE, "refuse": True}}, "pauses: refused by root", "paused"),
        ({"paused": {**PAUSE, "refuse": False}}, "clients wait in the kernel's queue", ""),
        ({"sessions": 50}, "limits: 50 of 50 programs run", "instances"),
        ({"of_source": 2, "source_limit": 2}, "limits: 2 of 2 programs run of this source", "per_source"),
        ({"sessions": 50, "waits": True}, "the client waits in the queue", ""),
        ({"refused": "penalty", "detail": "for another 5 s"}, "penalty refuses this source now: for another 5 s", "penalty"),
        ({"refused": "source_rate"}, "limits: source_rate refuses this source now", "source_rate"),
    ],
)
def test_each_thing_in_the_way_is_named(changed: dict[str, Any], part: str, refuses: str) -> None:
    found = live({**NOTHING, **changed})
    assert any(part in line for line in found.lines)
    assert found.refuses == refuses
