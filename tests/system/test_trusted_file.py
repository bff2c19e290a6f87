"""Which files root takes its orders from: those that nobody else could have written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.system.trusted_file import MAX_FILE, Untrusted, read_trusted


@pytest.fixture
def file(services_dir: Path) -> Path:
    path = services_dir / "a.toml"
    path.write_bytes(b"nice = 1\n")
    path.chmod(0o644)
    return path


def test_a_file_that_others_can_write_is_refused_to_root_alone(file: Path) -> None:
    assert read_trusted(str(file), root=True) == b"nice = 1\n"
    for mode in (0o664, 0o646):
        file.chmod(mode)
        with pytest.raises(Untrusted, match="can be written by others"):
            read_trusted(str(file), root=True)
        assert read_trusted(str(file), root=False) == b"nice = 1\n"


def test_a_folder_that_others_can_write_is_refused_unless_it_is_sticky(file: Path) -> None:
    file.parent.chmod(0o777)
    with pytest.raises(Untrusted, match="folder"):
        read_trusted(str(file), root=True)
    file.parent.chmod(0o1777)
    assert read_trusted(str(file), root=True) == b"nice = 1\n"


def test_a_link_is_judged_by_the_file_and_the_folders_it_leads_to(file: Path) -> None:
    open_folder = file.parent.parent / "open"
    open_folder.mkdir()
    (open_folder / "a.toml").write_bytes(b"")
    (open_folder / "a.toml").chmod(0o644)
    open_folder.chmod(0o777)
    link = file.parent / "b.toml"
    link.symlink_to(open_folder / "a.toml")
    with pytest.raises(Untrusted, match="folder"):
        read_trusted(str(link), root=True)
    link.unlink()
    link.symlink_to(file)
    assert read_trusted(str(link), root=True) == b"nice = 1\n"


def test_a_pipe_a_folder_and_a_file_without_end_are_refused_at_once(file: Path) -> None:
    os.mkfifo(file.parent / "pipe")
    for path in (file.parent / "pipe", Path("/dev/zero")):
        with pytest.raises(Untrusted, match="not a regular file"):
            read_trusted(str(path), root=False)
    with pytest.raises(OSError, match="directory"):
        read_trusted(str(file.parent), root=False)
    os.truncate(file, MAX_FILE)
    assert len(read_trusted(str(file), root=False)) == MAX_FILE
    os.truncate(file, MAX_FILE + 1)
    with pytest.raises(Untrusted, match="longer than"):
        read_trusted(str(file), root=False)


def test_a_folder_that_was_found_safe_is_not_looked_at_again_but_links_out_of_it_are(file: Path) -> None:
    safe: set[str] = set()
    read_trusted(str(file), root=True, safe=safe)
    assert safe == {str(file.parent)}
    open_folder = file.parent.parent / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "a.toml").write_bytes(b"")
    (open_folder / "a.toml").chmod(0o644)
    (file.parent / "b.toml").symlink_to(open_folder / "a.toml")
    with pytest.raises(Untrusted, match="folder"):
        read_trusted(str(file.parent / "b.toml"), root=True, safe=safe)
    assert safe == {str(file.parent)}
