"""Mounts of one's own: read-only, hidden, empty; the host never sees one of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from superd.system import mounts, namespaces
from tests.in_child import in_child
from tests.needs import needs_root


def error_of(act: Callable[[], Any]) -> int:
    try:
        act()
    except OSError as problem:
        return problem.errno or -1
    return 0


def inside(function: Callable[[], Any]) -> Any:
    """The answer of ``function`` in a mount namespace of its own, after which the host's mounts are what they were."""
    needs_root()
    before = Path("/proc/self/mountinfo").read_text()

    def enter() -> Any:
        namespaces.unshare(namespaces.NEW_MOUNTS)
        mounts.part_with_host()
        return function()

    found = in_child(enter)
    assert Path("/proc/self/mountinfo").read_text() == before
    return found


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_written_in_a_read_only_folder_but_in_its_exceptions(tmp_path: Path, whole: bool) -> None:
    (tmp_path / "state").mkdir()

    def act() -> list[int]:
        mounts.make_read_only(["/" if whole else str(tmp_path)], [str(tmp_path / "state")])
        return [error_of((tmp_path / "x").touch), error_of((tmp_path / "state" / "x").touch)]

    assert inside(act) == [errno.EROFS, 0]
    assert (tmp_path / "state" / "x").exists()


def test_a_read_only_folder_and_an_exception_after_a_dash_need_not_exist(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()

    def act() -> list[int]:
        nowhere = f"-{tmp_path}/nowhere"
        mounts.make_read_only([nowhere, f"-{tmp_path}"], [nowhere, f"-{tmp_path}/state"])
        return [error_of((tmp_path / "x").touch), error_of((tmp_path / "state" / "x").touch)]

    assert inside(act) == [errno.EROFS, 0]


def test_a_hidden_folder_is_empty_and_a_hidden_file_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "secret").touch()
    (tmp_path / "file").write_text("secret")

    def act() -> list[Any]:
        for name in ("folder", "file"):
            mounts.hide(str(tmp_path / name))
        mounts.hide(f"-{tmp_path}/missing")
        return [
            os.listdir(tmp_path / "folder"),
            error_of((tmp_path / "folder" / "x").touch),
            error_of((tmp_path / "file").read_bytes),
        ]

    assert inside(act) == [[], errno.EROFS, errno.EACCES]
    with pytest.raises(AssertionError, match="does not exist, so it cannot be hidden"):
        inside(lambda: mounts.hide(str(tmp_path / "missing")))


def test_an_empty_folder_has_its_size_and_a_number_of_files(tmp_path: Path) -> None:
    (tmp_path / "before").touch()

    def act() -> list[Any]:
        mounts.empty_folder(str(tmp_path), 64 << 10)
        seen = os.listdir(tmp_path)
        full = error_of(lambda: (tmp_path / "big").write_bytes(bytes(1 << 20)))
        (tmp_path / "big").unlink()
        many = error_of(lambda: [(tmp_path / str(number)).write_bytes(b"") for number in range(1000)])
        return [seen, full, many]

    assert inside(act) == [[], errno.ENOSPC, errno.ENOSPC]


def test_a_folder_becomes_the_root_with_the_host_s_processes_and_harmless_devices(tmp_path: Path) -> None:
    for name in ("proc", "dev", "etc"):
        (tmp_path / name).mkdir()

    def act() -> list[Any]:
        mounts.enter_root(str(tmp_path))
        found = sorted(os.listdir("/dev"))
        null = os.open("/dev/null", os.O_RDWR)
        way_back: list[object] = []
        for word in ("/..", "/../.."):
            try:
                way_back.append(os.path.samestat(os.stat(word), os.stat("/")) or word)
            except OSError as problem:
                way_back.append(problem.errno)
        return [sorted(os.listdir("/")), os.write(null, b"x"), os.path.exists("/proc/self/status"), found, way_back]

    names, written, processes, devices, back = inside(act)
    assert (names, written, processes, back) == (["dev", "etc", "proc"], 1, True, [True, True])
    assert {"null", "zero", "urandom", "shm"} <= set(devices)
    assert not {"mem", "kmsg", "vda", "sda"} & set(devices)
    assert os.listdir(tmp_path / "dev") == []


def test_a_root_without_folders_for_them_has_neither_processes_nor_devices(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    def act() -> list[str]:
        mounts.enter_root(str(tmp_path))
        return os.listdir("/")

    assert inside(act) == ["file"]
    assert inside(lambda: error_of(lambda: mounts.enter_root(str(tmp_path / "none")))) == errno.ENOENT
