"""Which files root takes its orders from: those that no other user could have written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.system.paths import Untrusted
from superd.system.trusted_file import MAX_FILE, TrustedFiles, masked, trusted_files


@pytest.fixture
def file(services_dir: Path) -> Path:
    path = services_dir / "a.toml"
    path.write_bytes(b"nice = 1\n")
    path.chmod(0o644)
    return path


def read(path: Path, *, strict: bool = True) -> bytes:
    with trusted_files(strict=strict) as files:
        return files.read(str(path))


def test_a_file_that_others_can_write_is_refused_to_root_alone(file: Path) -> None:
    assert read(file) == b"nice = 1\n"
    file.chmod(0o646)
    with pytest.raises(Untrusted, match="can be written by others") as refused:
        read(file)
    assert refused.value.hint == f"chmod go-w {file}"
    assert read(file, strict=False) == b"nice = 1\n"


def test_a_folder_that_others_can_write_is_refused_unless_it_is_sticky(file: Path) -> None:
    file.parent.chmod(0o777)
    with pytest.raises(Untrusted, match="folder"):
        read(file)
    with trusted_files(strict=True) as files, pytest.raises(Untrusted, match="folder"):
        files.list(str(file.parent))
    file.parent.chmod(0o1777)
    assert read(file) == b"nice = 1\n"


def test_a_link_is_judged_by_where_it_lies_and_by_where_it_leads_to(file: Path) -> None:
    open_folder = file.parent.parent / "open"
    open_folder.mkdir()
    (open_folder / "a.toml").write_bytes(b"")
    (open_folder / "a.toml").chmod(0o644)
    open_folder.chmod(0o777)
    link = file.parent / "b.toml"
    link.symlink_to(open_folder / "a.toml")
    with pytest.raises(Untrusted, match="folder"):
        read(link)
    link.unlink()
    link.symlink_to("a.toml")
    assert read(link) == b"nice = 1\n"
    back = open_folder / "back.toml"
    back.symlink_to(file)
    with pytest.raises(Untrusted, match="folder"):
        read(back)


def test_a_pipe_a_folder_and_a_file_without_end_are_refused_at_once(file: Path) -> None:
    os.mkfifo(file.parent / "pipe")
    for path in (file.parent / "pipe", Path("/dev/zero")):
        with pytest.raises(Untrusted, match="not a regular file"):
            read(path, strict=False)
    with pytest.raises(IsADirectoryError):
        read(file.parent, strict=False)
    os.truncate(file, MAX_FILE)
    assert len(read(file, strict=False)) == MAX_FILE
    os.truncate(file, MAX_FILE + 1)
    with pytest.raises(Untrusted, match="longer than"):
        read(file, strict=False)


def test_many_folders_cost_no_descriptors_and_all_are_closed(file: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with trusted_files(strict=True) as files:
        for number in range(40):
            folder = file.parent / str(number)
            folder.mkdir(mode=0o755)
            (folder / "x").write_bytes(b"x")
            (folder / "x").chmod(0o644)
            assert files.read(str(folder / "x")) == b"x"
        assert len(os.listdir("/proc/self/fd")) < len(before) + 20
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_link_to_dev_null_masks_and_another_one_does_not(file: Path) -> None:
    link = file.parent / "b.toml"
    link.symlink_to("/dev/null")
    assert masked(str(link), strict=True)
    assert not masked(str(file), strict=True)
    assert not masked(str(file.parent / "none"), strict=True)
    with pytest.raises(FileNotFoundError):
        TrustedFiles(strict=True).read("/no/such/file")
