"""What metrics are made of."""

from __future__ import annotations

from superd.ipc import panel_messages as front
from superd.metrics import render
from superd.panel.counting import get_counts
from superd.panel.steps import Call
from tests.panel.script import World

CALL = Call({}, 0)
ROW = front.CountRow(
    "git",
    7,
    2,
    50,
    ("cps",),
    ("3",),
    ("4", "1", "2", "0", "0", "0", "0", "0"),
    9.5,
    ("7",) + ("0",) * 7,
    0.1,
    ("5", "1", "1"),
    4,
    2e9,
)


def test_counts_of_front_and_master_are_one_answer() -> None:
    world = World()
    world.counts = [ROW]
    world.state["missing"] = [{"service": "git", "address": "*:9418", "why": "taken"}]
    world.wishes = {"bans": [{}, {}], "holds": [{"service": "git"}]}
    found = world.run(get_counts(CALL))
    (git,) = found["services"]
    assert (git["started"], git["running"], git["limit"], git["refused"]) == (7, 2, 50, {"cps": 3})
    assert (git["missing"], git["paused"], found["bans"]) == (1, True, 2)
    assert len(git["seconds"]) == len(git["seconds_bounds"]) + 1
    assert b'superd_certificate_end_seconds{service="git"} 2e+09' in render(found)[0]
    assert b'superd_session_seconds_sum{service="git"} 9.5' in render(found)[0]


def test_without_a_front_the_masters_part_is_said() -> None:
    world = World()
    world.front_is_there = False
    found = world.run(get_counts(CALL))
    assert (found["services"], found["version"]) == ([], "1")
    assert b"superd_config_ok 1.0" in render(found)[0]
