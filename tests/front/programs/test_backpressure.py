"""Listeners are ignored while the launchers of their service have long queues, and only those."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from superd.address import parse_listen
from superd.front.programs.backpressure import Backpressure
from superd.front.programs.dispatch import Dispatch
from superd.front.programs.launcher_link import MAX_OF_SERVICE
from tests.front.programs.parts import Parts, descriptor


class Hashable(SimpleNamespace):
    """A listener that can be a key."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class Listeners:
    """A listener set that remembers who is ignored."""

    def __init__(self, *names: str) -> None:
        self.all = [
            Hashable(name=name, ignored=False, address=parse_listen(f"127.0.0.1:{port}", "stream", None))
            for port, name in enumerate(names, 7000)
        ]

    def __iter__(self) -> Any:
        return iter(self.all)

    def ignore(self, listener: Any) -> None:
        listener.ignored = True

    def watch(self, listener: Any) -> None:
        listener.ignored = False

    @property
    def ignored(self) -> list[str]:
        return [listener.name for listener in self.all if listener.ignored]


async def test_a_service_whose_launchers_are_full_is_not_accepted_for_until_half_is_gone() -> None:
    parts = Parts("cat", "other", lanes=1)
    listeners = Listeners("cat", "other", "cat")
    pressure = Backpressure(cast("Any", listeners), parts.in_force)
    dispatch = Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: pressure.on_full(dispatch, service))
    link = parts.links.get(0)
    assert link is not None
    for _ in range(MAX_OF_SERVICE):
        dispatch.hand_over(parts.session("cat"), cast("Any", SimpleNamespace(address="", port=0)), descriptor())
    assert listeners.ignored == ["cat", "cat"]
    pressure.on_room(dispatch)
    assert listeners.ignored == ["cat", "cat"]
    while link.backlog >= MAX_OF_SERVICE // 2:
        link._queue.take()
    pressure.on_room(dispatch)
    assert listeners.ignored == []
    parts.link(0)


async def test_a_service_that_can_go_elsewhere_is_accepted_for_and_datagrams_and_wait_are_left_alone() -> None:
    parts = Parts("cat", "other", "waits", lanes=1)
    parts.in_force.launchers_of = {"cat": (0,), "other": (0, 1), "waits": (0,)}
    parts.in_force.services["waits"].service = parts.in_force.services["waits"].service.model_copy(update={"wait": True})
    listeners = Listeners("cat", "other", "waits", "gone")
    pressure = Backpressure(cast("Any", listeners), parts.in_force)
    dispatch = Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: pressure.on_full(dispatch, service))
    for _ in range(MAX_OF_SERVICE):
        dispatch.hand_over(parts.session("cat"), cast("Any", SimpleNamespace(address="", port=0)), descriptor())
    assert listeners.ignored == ["cat"]
    # A service that lost its launchers is accepted for again: then each connection is refused with its reason.
    parts.in_force.launchers_of = {}
    pressure.on_room(dispatch)
    assert listeners.ignored == []
    parts.link(0)
