"""What operators asked for is kept, and bans survive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superd.master.wishes_store import FILE, WishesStore
from superd.wishes import MAX_BANS


class Wall:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


def test_bans_survive_a_restart_and_pauses_do_not(folder: Path) -> None:
    wall = Wall()
    store = WishesStore(wall)
    store.ban("192.0.2.0/24", "", 60.0, "loop", 7)
    store.ban("2001:db8::/32", "git", 0.0, "", 0)
    store.hold(["git"], 0, "", refuse=False, drain=False)
    assert store.save() == ""
    again = WishesStore(wall)
    assert again.load() == ""
    assert again.wishes.bans == store.wishes.bans
    assert again.wishes.holds == ()
    assert [again.seconds_left(ban) for ban in again.wishes.bans] == [60.0, float("inf")]
    wall.now += 61.0
    assert [ban.prefix for ban in again.wishes.bans] == ["2001:db8::/32"]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}", '{"bans": 1}', '{"bans": [{}]}', "[" * 9999,
        '{"bans": [{"prefix": "evil", "service": "", "since": 0, "until": 0, "by": 0, "because": ""}]}',
        '{"bans": [{"prefix": "::1", "service": 1, "since": 0, "until": 0, "by": 0, "because": ""}]}',
        '{"bans": [{"prefix": "::1", "service": "", "since": 0, "until": NaN, "by": 0, "because": ""}]}',
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_list_of_bans_is_reported_and_bans_no_client(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / FILE).write_text(text)
    store = WishesStore(Wall())
    assert store.load() == ("it is not a list of bans" if text else "")
    assert store.wishes.bans == ()


def test_a_folder_that_cannot_be_written_is_reported_and_the_ban_holds(folder: Path) -> None:
    folder.parent.joinpath("state").write_text("in the way")
    store = WishesStore(Wall())
    store.ban("::1", "", 0.0, "", 0)
    assert "state" in store.save()
    assert len(store.wishes.bans) == 1


def test_a_ban_in_the_place_of_another_and_too_many(folder: Path) -> None:
    store = WishesStore(Wall())
    for number in range(MAX_BANS):
        assert store.ban(f"10.{number >> 8 & 255}.{number & 255}.0/24", "", 0.0, "", 0)
    assert store.ban("192.0.2.1", "", 0.0, "", 0) is None
    renewed = store.ban("10.0.0.0/24", "", 9.0, "again", 1)
    assert renewed is not None
    assert renewed.until == 1009.0
    assert len(store.wishes.bans) == MAX_BANS
    assert store.save() == ""
    assert len(json.loads((folder / FILE).read_text())["bans"]) == MAX_BANS


def test_unban_and_release_say_what_there_was(folder: Path) -> None:
    store = WishesStore(Wall())
    store.ban("::1", "", 0.0, "", 0)
    assert store.unban("::1", "git") is None
    assert store.unban("::1", "") is not None
    store.hold(["a", "b"], 0, "why", refuse=True, drain=False)
    assert store.release(["b", "c"]) == ["b"]
    assert [hold.service for hold in store.wishes.holds] == ["a"]


def test_a_pause_that_is_asked_for_again_keeps_its_time(folder: Path) -> None:
    wall = Wall()
    store = WishesStore(wall)
    store.hold(["a"], 0, "one", refuse=False, drain=False)
    wall.now += 50.0
    store.hold(["a"], 0, "two", refuse=True, drain=False)
    assert [(hold.since, hold.because, hold.refuse) for hold in store.wishes.holds] == [(1000.0, "two", True)]


def test_the_next_program_of_the_process_pauses_what_this_one_has_paused() -> None:
    store, after = WishesStore(), WishesStore()
    store.hold(["git"], 0, "kernel", refuse=True, drain=False)
    after.go_on(json.loads(json.dumps(store.holds())))
    assert after.wishes.holds == store.wishes.holds
