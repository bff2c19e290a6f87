"""The master's groups of programs: made for launchers that ask, a bounded number, removed when they are empty."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from superd.cgroup import GroupPlan
from superd.ipc.launcher_control import EMPTIED, WANTED
from superd.master import program_groups
from superd.master.program_groups import MOST, REPAIR_SECONDS, STOCK, ProgramGroups, folder_of

PLAN = GroupPlan((("pids.max", "5"),))


class FakeHome:
    """A tree in memory: ``busy`` are the names of groups that have a process."""

    def __init__(self, pid: int) -> None:
        self.groups: set[tuple[str, str]] = {("x", f"{pid}-40"), ("x", "1-1")}
        self.services: dict[str, GroupPlan] = {}
        self.busy: set[str] = {"1-1"}
        self.full = self.closed = False
        self.bad = "bad"

    def divide(self) -> None: ...

    def forget_the_dead(self) -> None: ...

    def found(self) -> list[tuple[str, str]]:
        return sorted(self.groups)

    def set_service(self, name: str, plan: GroupPlan) -> None:
        if name == self.bad:
            raise OSError(22, "Invalid argument", "memory.max")
        self.services[name] = plan

    def make(self, service: str, name: str, plan: GroupPlan) -> tuple[int, int, int]:
        if self.full:
            raise OSError(12, "Cannot allocate memory")
        if service not in self.services:
            raise FileNotFoundError(2, "No such file or directory")
        assert (service, name) not in self.groups
        self.groups.add((service, name))
        return 1, 2, 3

    def remove(self, service: str, name: str = "") -> bool:
        if name in self.busy or (not name and any(found == service for found, _ in self.groups)):
            return False
        self.groups.discard((service, name))
        if not name:
            self.services.pop(service, None)
        return True

    def end_leftovers(self, service: str, name: str, programs: Collection[int]) -> None:
        if 7 not in programs:
            self.busy.discard(name)

    def close(self) -> None:
        self.closed = True


class FakeLog:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, level: str, text: str, service: str = "", **_: Any) -> None:
        self.lines.append(f"{level}: {service}: {text}")


class World:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.home = FakeHome(os.getpid())
        self.log = FakeLog()
        patch.setattr(program_groups, "Home", lambda _: self.home)
        log: Any = self.log
        self.groups = ProgramGroups(log, pid=os.getpid())
        self.sent: list[int] = []

    def give(self, launcher: int, service: str) -> list[int]:
        self.sent = []
        self.groups.give(launcher, service, lambda number, fds: self.sent.append(number))
        return self.sent


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_without_services_that_ask_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_groups, "Home", lambda _: pytest.fail("it looked for a group"))
    log: Any = FakeLog()
    groups = ProgramGroups(log, pid=1)
    groups.assign({})
    groups.close()
    assert groups.due is None


def test_a_launcher_gets_a_few_and_they_are_removed_at_its_word(world: World) -> None:
    world.groups.assign({"a": PLAN})
    numbers = world.give(1, "a")
    assert len(numbers) == STOCK
    assert min(numbers) > 40  # the name is free: this process had others before an upgrade
    assert len(world.home.groups) == STOCK + 1
    world.groups.done(1, numbers[0])
    world.groups.done(1, numbers[0])
    world.groups.done(2, numbers[1])  # it is not that launcher's
    assert len(world.home.groups) == STOCK


def test_what_an_earlier_superd_left_is_removed_when_it_is_empty(world: World) -> None:
    world.groups.assign({"a": PLAN})
    assert world.home.groups == {("x", "1-1")}
    due = world.groups.due
    assert due is not None
    world.groups.on_timer(due)
    later = world.groups.due
    assert later is not None
    assert later > due
    world.home.busy.clear()
    world.groups.on_timer(later)
    assert world.home.groups == set()
    assert world.groups.due is None


def test_a_launcher_has_a_bounded_number(world: World) -> None:
    world.groups.assign({"a": PLAN})
    while world.give(1, "a"):
        pass
    assert len(world.home.groups) == MOST + 1
    assert len(world.give(2, "a")) == STOCK
    world.groups.launcher_ended(1)
    assert len(world.home.groups) == STOCK + 1


def test_a_service_that_has_no_group_gets_none(world: World) -> None:
    world.groups.assign({"bad": PLAN, "a": PLAN})
    assert world.log.lines == ["error: bad: no group for its programs: `memory.max`: Invalid argument"]
    assert world.give(1, "bad") == []
    assert world.give(1, "other") == []
    assert world.give(1, "a") != []


def test_a_host_that_has_no_room_is_reported_and_asked_again(world: World) -> None:
    world.groups.assign({"a": PLAN})
    world.home.full = True
    assert world.give(1, "a") == []
    assert "no group for its programs: Cannot allocate memory; they wait" in world.log.lines[0]
    world.home.full = False
    assert world.give(1, "a") != []


def test_the_group_of_a_service_that_is_gone_follows_its_programs(world: World) -> None:
    world.groups.assign({"a": PLAN, "b": PLAN})
    [number, *_] = world.give(1, "a")
    world.groups.assign({"b": PLAN})
    due = world.groups.due
    assert due is not None
    world.groups.on_timer(due + 100)
    assert set(world.home.services) == {"a", "b"}
    world.groups.launcher_ended(1)
    world.home.busy.clear()
    world.groups.on_timer(due + 200)
    world.groups.on_timer(due + 300)
    assert set(world.home.services) == {"b"}
    assert number


@pytest.mark.parametrize(("programs", "ends", "left"), [((8,), True, False), ((7,), True, True), ((8,), False, True)])
def test_what_a_program_without_a_launcher_left_is_ended_unless_it_runs_or_is_kept(
    world: World, programs: tuple[int, ...], ends: bool, left: bool
) -> None:
    world.groups.assign({"a": replace(PLAN, ends=ends)})
    world.home.busy.clear()
    [number, *_] = world.give(1, "a")
    world.home.busy.add(f"{os.getpid()}-{number}")
    world.groups.launcher_ended(1, programs)
    for _ in range(12):
        if (due := world.groups.due) is not None:
            world.groups.on_timer(due)
    assert (("a", f"{os.getpid()}-{number}") in world.home.groups) is left


def test_no_group_at_all_is_one_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> FakeHome:
        raise OSError(30, "read-only")

    monkeypatch.setattr(program_groups, "Home", fail)
    world.groups.assign({"a": PLAN, "b": PLAN})
    assert len(world.log.lines) == 1
    assert world.give(1, "a") == []


def test_a_name_that_the_kernel_would_not_take_is_another() -> None:
    assert folder_of("ssh") == "ssh"
    for name in ("memory.max", "a/b", "..", "", "x" * 200, "a\nb", "ä"):
        found = folder_of(name)
        assert found.startswith("service-")
        assert len(found) == 24


def test_the_end_removes_all(world: World) -> None:
    world.groups.assign({"a": PLAN})
    world.groups.close()
    assert world.home.closed


def test_a_word_of_a_launcher_gets_groups_for_its_own_services_and_gives_them_back(world: World) -> None:
    world.groups.assign({"a": PLAN})
    sent: list[tuple[int, int]] = []

    def send(index: int, number: int, fds: tuple[int, int, int]) -> None:
        sent.append((index, number))

    for word, text in ((WANTED, "5"), (WANTED, ""), (WANTED, "x"), (WANTED, "9" * 30), (b"?", "4")):
        world.groups.on_word(1, word, text, {4: "a"}, send)
    assert sent == []
    world.groups.on_word(1, WANTED, "4", {4: "a"}, send)
    assert [index for index, _ in sent] == [4] * STOCK
    made = set(world.home.groups)
    world.groups.on_word(2, EMPTIED, str(sent[0][1]), {4: "a"}, send)  # another launcher's
    assert world.home.groups == made
    world.groups.on_word(1, EMPTIED, f"{sent[0][1]} x {sent[1][1]}", {4: "a"}, send)
    assert len(made - world.home.groups) == 2


def test_what_failed_when_it_was_assigned_is_tried_again_for_a_launcher_that_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed so until the next reload, and its clients were refused after ten seconds."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    world.groups.assign({"bad": PLAN})
    assert world.give(1, "bad") == []
    world.home.bad = ""
    assert world.give(1, "bad") == []  # however often it asks
    now[0] += REPAIR_SECONDS
    assert len(world.give(1, "bad")) == STOCK
    assert world.groups.faults == {}
    assert world.log.lines[1:] == ["notice: bad: there are groups for its programs again"]


def test_a_superd_that_has_found_no_group_looks_again(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    def none(_: int) -> FakeHome:
        raise OSError(95, "cgroup v2 is not mounted")

    monkeypatch.setattr(program_groups, "Home", none)
    world.groups.assign({"a": PLAN})
    assert world.give(1, "a") == []
    assert set(world.groups.faults) == {"a"}
    monkeypatch.setattr(program_groups, "Home", lambda _: world.home)
    later = time.monotonic() + REPAIR_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert len(world.give(1, "a")) == STOCK


def test_the_group_of_a_service_that_was_removed_is_made_anew(world: World) -> None:
    world.groups.assign({"a": PLAN})
    world.home.services.clear()
    assert len(world.give(1, "a")) == STOCK
    assert world.home.services == {"a": PLAN}
    assert world.log.lines == []
