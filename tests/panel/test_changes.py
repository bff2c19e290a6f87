"""Methods that change something."""

from __future__ import annotations

from typing import Any

import pytest

from superd.panel import changes
from superd.panel.steps import Call, Refusal, ToMaster
from superd.record import session_id
from tests.panel.script import World, session

CONN = 77 << 31


def world() -> World:
    return World(session(CONN, "192.0.2.1:1"), session(CONN + 1, "192.0.2.2:1"), session(CONN + 2, "192.0.3.1:1"))


def call(**parameters: Any) -> Call:
    return Call(parameters, 0)


def test_sessions_are_ended_by_id_and_unknown_ids_are_named() -> None:
    there = world()
    answer = there.run(changes.kick(call(ids=[session_id(CONN + 1), "zz-1"])))
    assert [found["peer"] for found in answer["ended"]] == ["192.0.2.2:1"]
    assert answer["unknown"] == ["zz-1"]
    assert [(kick.conn, kick.now, kick.ban) for kick in there.kicked] == [(CONN + 1, False, False)]


def test_sessions_are_ended_by_source_at_once() -> None:
    there = world()
    there.run(changes.kick(call(source="192.0.2.0/24", now=True)))
    assert [(kick.conn, kick.now) for kick in there.kicked] == [(CONN, True), (CONN + 1, True)]


def test_a_dry_run_ends_nothing() -> None:
    there = world()
    assert len(there.run(changes.kick(call(service="git", dry_run=True)))["ended"]) == 3
    assert there.kicked == []


@pytest.mark.parametrize("parameters", [{}, {"ids": []}, {"ids": ["a-1"], "service": "git"}])
def test_a_kick_of_nothing_or_of_two_things_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="InvalidParameter"):
        world().run(changes.kick(call(**parameters)))


def test_an_unknown_session_is_answered_with_the_nearest() -> None:
    with pytest.raises(Refusal) as refused:
        world().run(changes.kick(call(ids=[session_id(CONN)[:-1] + "9"])))
    assert refused.value.parameters["nearest"].startswith(session_id(CONN)[:-1])


def test_a_ban_ends_the_sessions_of_its_source_unless_they_are_kept() -> None:
    there = world()
    answer = there.run(changes.ban(call(address="192.0.2.9/24", seconds=60, because="loop")))
    assert there.asked[-1] == ToMaster("ban", {"prefix": "192.0.2.0/24", "service": "", "seconds": 60, "because": "loop"})
    assert [(kick.conn, kick.ban) for kick in there.kicked] == [(CONN, True), (CONN + 1, True)]
    assert len(answer["ended"]) == 2
    there = world()
    assert there.run(changes.ban(call(address="192.0.2.1", keep=True)))["ended"] == []


@pytest.mark.parametrize(
    "parameters", [{"address": "0.0.0.0/0"}, {"address": "::/8"}, {"address": "192.0.2.0/24", "own": ["192.0.2.7"]}]
)
def test_a_ban_of_everything_or_of_oneself_needs_a_yes(parameters: dict[str, Any]) -> None:
    there = world()
    with pytest.raises(Refusal, match="NeedsYes"):
        there.run(changes.ban(call(**parameters)))
    assert there.asked == []
    there.run(changes.ban(call(**parameters, yes=True)))
    assert there.asked[0].word == "ban"


@pytest.mark.parametrize("parameters", [{"address": "host"}, {"address": "::1", "service": "gti"}])
def test_a_ban_of_what_does_not_exist_changes_nothing(parameters: dict[str, Any]) -> None:
    there = world()
    with pytest.raises(Refusal):
        there.run(changes.ban(call(**parameters)))
    assert there.asked == []


def test_pauses_and_resumes_go_to_the_master() -> None:
    there = world()
    there.run(changes.pause(call(services=["git"], refuse=True, because="upgrade")))
    expected = {"services": ["git"], "refuse": True, "drain": False, "because": "upgrade"}
    assert there.asked[-1] == ToMaster("hold", expected)
    there.run(changes.resume(call(services=[])))
    assert there.asked[-1] == ToMaster("release", {"services": []})
    with pytest.raises(Refusal, match="NotFound"):
        there.run(changes.pause(call(services=["gti"])))


def test_unban_takes_back_what_sensors_have_banned_too() -> None:
    there = world()
    found = there.run(changes.unban(call(address="192.0.2.8")))
    lifted = {"service": "", "source": "192.0.2.8", "left": 0.0, "refused": 1, "why": "sensor trap 2"}
    assert found == {"ban": None, "lifted": [lifted], "unsaved": ""}
    with pytest.raises(Refusal, match="NotFound"):
        there.run(changes.unban(call(address="192.0.2.7")))
    with pytest.raises(Refusal, match="NotFound"):
        there.run(changes.unban(call(address="192.0.2.8", service="s")))


def test_unban_and_reload_are_the_masters_answer() -> None:
    there = world()
    assert there.run(changes.unban(call(address="::ffff:192.0.2.1")))["ban"]["prefix"] == "192.0.2.1"
    assert there.run(changes.reload(call(dry_run=True)))["outcome"] == "done"
    assert there.asked[-1] == ToMaster("reload", {"dry_run": True})
