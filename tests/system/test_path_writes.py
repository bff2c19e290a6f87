"""What root writes in a folder that another user can change: attacked with real users, folders and links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.system.path_writes import append_to, remove_if, replace, write_new
from superd.system.paths import Trust, Untrusted
from tests.system.conftest import ALICE, BOB

OTHERS = Trust.own(strict=True, others_folders=True)


# ------------------------------------------------------------------ log files


def test_a_log_in_a_users_folder_is_appended_to_only_if_it_is_a_file_of_that_folder(top: Path) -> None:
    log = top / "alice" / "x.log"
    before = os.umask(0o077)
    try:
        os.close(append_to(str(log), OTHERS, 0o644))
    finally:
        os.umask(before)
    assert (log.stat().st_mode & 0o777, log.stat().st_uid) == (0o644, 0)
    os.chown(log, ALICE, ALICE)
    os.close(append_to(str(log), OTHERS, 0o644))
    log.unlink()
    log.symlink_to(top / "secret")
    with pytest.raises(Untrusted, match="link"):
        append_to(str(log), OTHERS, 0o644)
    log.unlink()
    # A file that does not exist must not be made through a link either: think of /etc/nologin.
    log.symlink_to(top / "made")
    with pytest.raises(Untrusted, match="link"):
        append_to(str(log), OTHERS, 0o644)
    assert not (top / "made").exists()
    log.unlink()
    os.link(top / "secret", log)
    with pytest.raises(Untrusted, match="second name"):
        append_to(str(log), OTHERS, 0o644)
    log.unlink()
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(Untrusted, match="not a regular file"):
        append_to(str(log), OTHERS, 0o644)
    os.close(reader)
    log.unlink()
    log.write_bytes(b"")
    os.chown(log, BOB, BOB)
    with pytest.raises(Untrusted, match=f"belongs to uid {BOB}"):
        append_to(str(log), OTHERS, 0o644)
    assert (top / "secret").read_bytes() == b"secret\n"


def test_a_folder_of_a_user_cannot_be_turned_into_a_link_to_another_folder(top: Path) -> None:
    (top / "etc").mkdir(mode=0o755)
    (top / "alice" / "logs").symlink_to(top / "etc")
    with pytest.raises(Untrusted, match="link"):
        append_to(str(top / "alice" / "logs" / "nologin"), OTHERS, 0o644)
    for make in (write_new, replace):
        with pytest.raises(Untrusted, match="link"):
            make(str(top / "alice" / "logs" / "nologin"), b"x", OTHERS, 0o644)
    assert list((top / "etc").iterdir()) == []


def test_a_log_may_be_a_link_or_a_device_where_only_root_can_change_it(top: Path) -> None:
    (top / "real.log").write_bytes(b"")
    (top / "x.log").symlink_to("real.log")
    for path in (str(top / "x.log"), "/dev/null", "/dev/stdout", "/dev/stderr"):
        os.close(append_to(path, OTHERS, 0o644))
    with pytest.raises(OSError, match="directory"):
        append_to(str(top / "alice"), OTHERS, 0o644)
    os.chown(top / "real.log", BOB, BOB)
    with pytest.raises(Untrusted, match="and its folder does not"):
        append_to(str(top / "x.log"), OTHERS, 0o644)
    (top / "open").mkdir()
    (top / "open").chmod(0o777)
    with pytest.raises(Untrusted, match="written by others"):
        append_to(str(top / "open" / "x.log"), OTHERS, 0o644)


# ------------------------------------------------------------------ files that superd makes


def test_what_is_made_takes_the_place_of_a_link_and_leaves_its_target(top: Path) -> None:
    for make in (write_new, replace):
        path = top / "alice" / "pid"
        path.unlink(missing_ok=True)
        path.symlink_to(top / "secret")
        make(str(path), b"17\n", OTHERS, 0o644)
        assert not path.is_symlink()
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"17\n", 0o644)
    assert (top / "secret").read_bytes() == b"secret\n"
    assert [entry.name for entry in (top / "alice").iterdir()] == ["pid"]


def test_a_file_is_removed_only_with_the_content_that_was_written(top: Path) -> None:
    path = top / "pid"
    path.write_bytes(b"18\n")
    remove_if(str(path), b"17\n", OTHERS)
    assert path.exists()
    remove_if(str(path), b"18\n", OTHERS)
    assert not path.exists()
    (top / "alice" / "pid").symlink_to(top / "secret")
    with pytest.raises(OSError, match="Too many levels"):
        remove_if(str(top / "alice" / "pid"), b"secret\n", OTHERS)
    assert (top / "secret").exists()


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(top: Path) -> None:
    (top / "dump").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(str(top / "dump"), b"x", OTHERS, 0o600)
    assert not list(top.glob(".dump*"))
