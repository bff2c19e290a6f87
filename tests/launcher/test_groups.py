"""A launcher's groups: taken from a stock, asked for in time, told when they are done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.ipc.launcher_control import EMPTIED, WANTED
from superd.launcher.groups import AGAIN, FEW, MOST_TOLD, Groups
from superd.system.program_group import Group


class Master:
    """The words that it gets; without ``room`` it takes no word."""

    def __init__(self) -> None:
        self.room = True
        self.words: list[tuple[bytes, str]] = []

    def tell(self, word: bytes, text: str) -> bool:
        if self.room:
            self.words.append((word, text))
        return self.room

    def take(self) -> list[tuple[bytes, str]]:
        found, self.words = self.words, []
        return found


@pytest.fixture
def master() -> Master:
    return Master()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.joinpath("cgroup.events").write_text("populated 0\n")
    return tmp_path


def group(number: int, folder: Path) -> Group:
    kill = os.open(folder / "cgroup.kill", os.O_WRONLY | os.O_CREAT)
    return Group(number, os.open("/dev/null", os.O_WRONLY), kill, os.open(folder, os.O_PATH))


def test_groups_are_asked_for_before_they_are_needed_and_once(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    groups.configure([(3, "a"), (4, "")], 0.0)
    assert master.take() == [(WANTED, "3")]
    assert groups.take(3, 0.5) is None
    assert master.take() == []  # the answer is on its way
    for number in range(FEW + 1):
        groups.add(3, group(number, folder))
    assert groups.take(3, 1.0) is not None
    assert master.take() == []
    assert groups.take(3, 1.0) is not None
    assert master.take() == [(WANTED, "3")]


def test_an_answer_that_does_not_come_is_asked_for_again(master: Master) -> None:
    groups = Groups(master.tell)
    groups.configure([(3, "a")], 0.0)
    master.take()
    assert groups.take(3, AGAIN) is None
    assert master.take() == [(WANTED, "3")]


def test_groups_with_other_limits_are_given_back(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    groups.configure([(3, "a")], 0.0)
    groups.add(3, group(1, folder))
    groups.configure([(3, "b")], 0.1)
    groups.send()
    assert master.take() == [(WANTED, "3"), (WANTED, "3"), (EMPTIED, "1")]
    assert groups.take(3, 0.2) is None
    groups.configure([], 0.3)
    groups.add(3, group(2, folder))  # it was on its way
    groups.send()
    assert master.take() == [(EMPTIED, "2")]


def test_groups_that_are_gone_are_replaced(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    groups.configure([(3, "a")], 0.0)
    groups.add(3, group(1, folder))
    groups.stale(3, 0.1)
    groups.send()
    assert master.take() == [(WANTED, "3"), (WANTED, "3"), (EMPTIED, "1")]


def test_what_a_program_left_is_killed_after_its_grace(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    folder.joinpath("cgroup.events").write_text("populated 1\n")
    groups.program_ended(group(1, folder), 2.0, 10.0)
    assert groups
    assert groups.due == 12.0
    groups.on_time(11.0)
    groups.send()
    assert master.take() == []
    groups.on_time(12.0)
    groups.send()
    assert folder.joinpath("cgroup.kill").read_text() == "1"
    assert master.take() == [(EMPTIED, "1")]
    assert not groups


def test_what_is_to_be_kept_lives_on(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    folder.joinpath("cgroup.events").write_text("populated 1\n")
    groups.program_ended(group(1, folder), -1.0, 10.0)
    groups.end_now()
    groups.send()
    assert master.take() == [(EMPTIED, "1")]
    assert folder.joinpath("cgroup.kill").read_text() == ""


def test_a_launcher_that_ends_kills_what_it_would_have_killed(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    folder.joinpath("cgroup.events").write_text("populated 1\n")
    groups.program_ended(group(1, folder), 100.0, 10.0)
    groups.end_now()
    assert folder.joinpath("cgroup.kill").read_text() == "1"


def test_a_word_that_the_master_has_no_room_for_comes_later(master: Master, folder: Path) -> None:
    groups = Groups(master.tell)
    for number in range(MOST_TOLD + 1):
        groups.unused(group(number, folder))
    master.room = False
    groups.send()
    assert groups
    master.room = True
    groups.send()
    assert master.take() == [(EMPTIED, " ".join(map(str, range(MOST_TOLD)))), (EMPTIED, str(MOST_TOLD))]
    assert not groups
