"""The tables and the lists that they name, read together; what must not be used leaves the last good ones."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from superd.errors import ConfigError
from superd.load.policy import MAX_LISTS, UnusableTables, load_policy, load_settled_policy
from superd.policy_snapshot import PolicySnapshot
from superd.system.file_lease import Unsettled


@pytest.fixture
def folder(services_dir: Path) -> Path:
    (services_dir / "hosts.deny").write_text(f"ALL: {services_dir}/list\n")
    (services_dir / "list").write_text("192.0.2.1\n")
    for path in services_dir.iterdir():
        path.chmod(0o644)
    return services_dir


def load(folder: Path, *, keep_going: bool = False, before: PolicySnapshot | None = None) -> PolicySnapshot:
    return load_policy(str(folder / "hosts.allow"), str(folder / "hosts.deny"), keep_going=keep_going, before=before)[0]


@pytest.mark.parametrize("data", [b"192.0.2.1\n/x\0y\n", b"192.0.2.1\n" + bytes(4096), b"\0"])
def test_a_nul_in_a_list_is_a_problem_of_that_file(folder: Path, data: bytes) -> None:
    (folder / "list").write_bytes(data)
    with pytest.raises(UnusableTables) as refused:
        load(folder)
    (problem,) = refused.value.problems
    assert (problem.origin.file, problem.origin.line) == (f"{folder}/list", data[: data.find(b"\0")].count(b"\n") + 1)
    assert "NUL" in problem.message
    assert load(folder, keep_going=True).closed


def test_a_list_that_is_being_written_or_was_just_emptied_is_not_taken(folder: Path) -> None:
    before = load(folder)
    with (folder / "list").open("wb"):
        with pytest.raises(Unsettled):
            load(folder, before=before)
        with pytest.raises(UnusableTables, match="another process is writing it"):
            load(folder)
    with pytest.raises(Unsettled):
        load(folder, before=before)
    (folder / "list").write_text("192.0.2.2\n")
    assert load(folder, before=before).files == {f"{folder}/list": b"192.0.2.2\n"}


def test_an_emptied_list_of_hosts_allow_closes_at_once(folder: Path) -> None:
    (folder / "hosts.allow").write_text(f"ALL: {folder}/friends\n")
    (folder / "friends").write_text("192.0.2.9\n")
    before = load(folder)
    (folder / "friends").write_text("")
    assert load(folder, before=before).files[f"{folder}/friends"] == b""


def test_a_start_waits_for_a_writer_and_not_for_ever(folder: Path) -> None:
    paths = str(folder / "hosts.allow"), str(folder / "hosts.deny")
    with (folder / "hosts.deny").open("w") as writer:
        with pytest.raises(ConfigError, match="another process is writing it"):
            load_settled_policy(*paths, patience=0.0)
        closing = threading.Timer(0.05, writer.close)
        closing.start()
        files, _ = load_settled_policy(*paths)
        closing.join()
    assert files.deny == b""


def test_an_unreadable_hosts_deny_refuses_and_an_unreadable_hosts_allow_grants_nothing(folder: Path) -> None:
    (folder / "hosts.allow").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(folder)
    assert not load(folder, keep_going=True).closed
    (folder / "hosts.deny").unlink()
    (folder / "hosts.deny").mkdir()
    assert "cannot be read" in load(folder, keep_going=True).closed


def test_the_words_of_a_program_that_is_named_as_a_list_are_not_followed(folder: Path) -> None:
    (folder / "hosts.allow").write_text(f"sshd: spawn {folder}/program\n")
    (folder / "program").write_bytes(f"\x7fELF\0 {folder}/other \0".encode())
    with pytest.raises(UnusableTables, match="NUL") as refused:
        load(folder)
    assert set(refused.value.looked_at) == {f"{folder}/list", f"{folder}/program"}


def test_lists_that_name_thousands_of_files_are_one_error(folder: Path) -> None:
    (folder / "list").write_text("".join(f"{folder}/{number}\n" for number in range(3 * MAX_LISTS)))
    with pytest.raises(UnusableTables) as refused:
        load(folder)
    (problem,) = refused.value.problems
    assert f"name more than {MAX_LISTS} files" in problem.message
    assert len(refused.value.looked_at) == MAX_LISTS
