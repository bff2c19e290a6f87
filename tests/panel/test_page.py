"""The status page as HTML: well formed, whole without scripts, and safe whatever a peer is called."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.page import REFRESH, collect, render
from tests.panel.script import World, session

EVIL = '<script>alert("x")</script>&'


class Read(HTMLParser):
    """Checks that what is opened is closed, and keeps tags, attributes and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.values: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.values += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(world: World) -> tuple[Read, dict[str, Any]]:
    facts = world.run(collect())
    body, kind = render(facts, EVIL)
    assert kind == "text/html; charset=utf-8"
    return Read(body.decode()), facts


def test_services_sessions_bans_and_problems_are_on_it() -> None:
    world = World(session(1), session(2))
    world.minutes = [front.MinutesRow("git", ("3", "0", "2"), ("1",))]
    world.state["missing"] = [{"service": "git", "address": "*:9418/stream", "why": "the address is taken"}]
    world.state["reload"] |= {"outcome": "refused", "summary": "1 error", "when": 5.0}
    ban = {"prefix": "192.0.2.9", "service": "", "until": 0.0, "because": "mirror loop", "by": 0, "made": 1.0}
    world.wishes = {"bans": [ban], "holds": []}
    read, facts = page(world)
    for text in ("git", "192.0.2.1:5", "the address is taken", "192.0.2.9", "mirror loop", "1 error", "for ever"):
        assert text in read.text, text
    count = len(facts["status"]["problems"])
    assert f"{count} things need a person" in read.text
    assert ("aria-label", "5 started, 1 refused") in read.values


def test_nothing_of_a_peer_becomes_markup_and_nothing_is_loaded() -> None:
    world = World(session(1, peer=EVIL, service=EVIL))
    world.wishes = {
        "bans": [{"prefix": "192.0.2.9", "service": EVIL, "until": 9.0, "because": EVIL, "by": 0, "made": 1.0}],
        "holds": [],
    }
    world.state["missing"] = [{"service": "git", "address": EVIL, "why": EVIL}]
    read, _ = page(world)
    assert "script" not in read.tags
    assert EVIL in read.text
    assert not {"src", "href", "onclick"} & {name for name, _ in read.values}
    assert ("content", str(REFRESH)) in read.values


def test_a_quiet_superd_and_one_without_a_front_have_a_page() -> None:
    read, _ = page(World())
    assert "nothing needs a person" in read.text
    away = World()
    away.front_is_there = False
    read, _ = page(away)
    assert "the front is being replaced" in read.text
