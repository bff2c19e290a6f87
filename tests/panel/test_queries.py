"""Methods that look."""

from __future__ import annotations

import pytest

from superd.ipc import panel_messages as front
from superd.panel import queries
from superd.panel.steps import Call, Refusal
from superd.record import session_id
from tests.panel.script import World, session

CONN = 77 << 31
BAN = {"prefix": "192.0.2.0/24", "service": "", "since": 1.0, "until": 0.0, "by": 0, "because": "loop"}


def call(**parameters: object) -> Call:
    return Call(parameters, 0)


def event(number: int, when: float, **fields: str) -> front.EventRow:
    keys = tuple("s" + key for key in fields)
    return front.EventRow(number, when, "info", "fail", "git", "", "", keys, tuple(fields.values()))


def test_a_status_has_everything_of_one_screen() -> None:
    world = World()
    world.wishes["holds"] = [{"service": "git", "by": 0, "since": 1.0, "because": "", "refuse": False, "drain": False}]
    answer = world.run(queries.get_status(call()))
    assert answer["daemon"]["pid"] == 5
    assert answer["daemon"]["sessions"] == 1
    git = answer["services"][0]
    assert (git["name"], git["sessions"], git["limit"], git["per_source"]) == ("git", 3, 50, None)
    assert git["paused"] == world.wishes["holds"][0]
    assert answer["problems"] == []


def test_a_status_without_a_front_says_so_and_has_the_rest() -> None:
    world = World()
    world.front_is_there = False
    answer = world.run(queries.get_status(call()))
    assert answer["services"] == []
    assert answer["problems"][0]["severity"] == "error"
    assert answer["daemon"]["version"] == "1"


def test_a_service_has_its_refusals_and_last_ends() -> None:
    world = World()
    world.events = [event(1, 1.0, reason="cps"), event(2, 2.0, reason="cps")]
    answer = world.run(queries.get_service(call(service="git")))
    assert answer["refusals"][0]["reason"] == "cps"
    assert [found["when"] for found in answer["last"]] == [2.0, 1.0]


def test_an_unknown_service_is_answered_with_the_nearest() -> None:
    with pytest.raises(Refusal) as refused:
        World().run(queries.get_service(call(service="gti")))
    assert refused.value.error == "NotFound"
    assert refused.value.parameters["nearest"] == "git"


def test_sessions_come_in_pages_and_are_chosen() -> None:
    peers = ("192.0.2.1:1", "[2001:db8::1]:2", "192.0.2.2:3", "uid:0", "192.0.3.1:9")
    world = World(*(session(CONN + number, peer) for number, peer in enumerate(peers)))
    page = world.run(queries.list_sessions(call(limit=2)))
    assert [found["peer"] for found in page["sessions"]] == ["192.0.2.1:1", "[2001:db8::1]:2"]
    page = world.run(queries.list_sessions(call(after=page["next"])))
    assert [found["peer"] for found in page["sessions"]] == ["192.0.2.2:3", "uid:0", "192.0.3.1:9"]
    assert page["next"] == ""
    page = world.run(queries.list_sessions(call(source="192.0.2.0/24")))
    assert [found["id"] for found in page["sessions"]] == [session_id(CONN), session_id(CONN + 2)]
    assert world.run(queries.list_sessions(call(older_than=10.0)))["sessions"] == []


@pytest.mark.parametrize("parameters", [{"source": "host"}, {"after": "no-ID!"}, {"service": "gti"}])
def test_sessions_of_what_does_not_exist_are_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        World().run(queries.list_sessions(call(**parameters)))


def test_bans_have_their_hits_and_pages() -> None:
    world = World()
    world.wishes["bans"] = [BAN, {**BAN, "prefix": "::1", "service": "git"}]
    answer = world.run(queries.list_bans(call(limit=1)))
    assert [(ban["prefix"], ban["hits"]) for ban in answer["bans"]] == [("192.0.2.0/24", 5)]
    assert answer["penalties"] == [{"service": "s", "source": "192.0.2.9", "left": 20.0, "refused": 3, "why": "refused 2"}]
    answer = world.run(queries.list_bans(call(after=answer["next"])))
    assert [ban["prefix"] for ban in answer["bans"]] == ["::1"]
    assert answer["penalties"] == []
    world.front_is_there = False
    assert len(world.run(queries.list_bans(call()))["bans"]) == 2


def test_events_are_chosen_by_service_source_and_reason() -> None:
    world = World()
    world.events = [event(1, 1.0, peer="192.0.2.1", reason="cps"), event(2, 2.0, peer="192.0.3.1", reason="time")]
    assert len(world.run(queries.list_events(call()))["events"]) == 2
    assert [found["when"] for found in world.run(queries.list_events(call(source="192.0.2.0/24")))["events"]] == [1.0]
    assert [found["when"] for found in world.run(queries.list_events(call(reason="time")))["events"]] == [2.0]
    assert [found["when"] for found in world.run(queries.list_events(call(limit=1)))["events"]] == [2.0]
    assert world.run(queries.list_events(call(service="other")))["events"] == []


def test_who_follows_gets_each_event_once() -> None:
    world = World()
    world.events = [event(1, 1.0)]

    def later() -> None:
        if len(world.events) == 3:
            raise Refusal("end")
        world.events.append(event(len(world.events) + 1, 2.0))

    world.on_pause = later
    with pytest.raises(Refusal, match="end"):
        world.run(queries.list_events(Call({"follow": True}, 0, more=True)))
    assert [[found["when"] for found in reply["events"]] for reply in world.replies] == [[1.0], [2.0], [2.0]]


def test_a_client_is_explained() -> None:
    world = World()
    world.wishes["bans"] = [BAN]
    answer = world.run(queries.explain(call(service="git", address="192.0.2.7")))
    assert answer["ban"]["because"] == "loop"
    assert (answer["sessions"], answer["limit"], answer["of_source"], answer["source_limit"]) == (3, 50, 1, None)
    for parameters in ({"service": "gti", "address": "::1"}, {"service": "git", "address": "192.0.2.0/24"}):
        with pytest.raises(Refusal):
            world.run(queries.explain(call(**parameters)))
