"""Files that outlive superd are written whole, in a folder of its own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from superd.system.paths import Untrusted
from superd.system.state_folder import read_state, state_folder, write_state


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path / 'a' / 'state'}:/other")
    return tmp_path / "a" / "state"


def test_what_is_written_is_read_and_is_its_owners_alone(folder: Path) -> None:
    assert read_state("bans.json") == b""
    write_state("bans.json", b"one")
    write_state("bans.json", b"two")
    assert read_state("bans.json") == b"two"
    assert stat.S_IMODE((folder / "bans.json").stat().st_mode) == 0o600
    assert os.listdir(folder) == ["bans.json"]


def test_a_file_that_others_can_write_is_not_read(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user trusts their own files")
    write_state("bans.json", b"x")
    (folder / "bans.json").chmod(0o666)
    with pytest.raises(Untrusted):
        read_state("bans.json")


def test_a_link_in_the_place_of_the_file_is_replaced_not_followed(folder: Path, tmp_path: Path) -> None:
    write_state("x", b"")
    (tmp_path / "secret").write_bytes(b"kept")
    (folder / "bans.json").symlink_to(tmp_path / "secret")
    write_state("bans.json", b"new")
    assert (tmp_path / "secret").read_bytes() == b"kept"
    assert not (folder / "bans.json").is_symlink()


def test_without_a_service_manager_root_and_users_have_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder() == "/var/lib/superd"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/x/.state")
    assert state_folder() == "/home/x/.state/superd"
