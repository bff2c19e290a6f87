"""What root does with a path that another user can change: attacked with real users, folders and links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.system.paths import Trust, Untrusted, find, open_file, open_folder
from tests.system.conftest import BOB

OWN = Trust.own(strict=True)
OTHERS = Trust.own(strict=True, others_folders=True)


def read(path: Path, trust: Trust = OWN) -> bytes:
    with os.fdopen(open_file(str(path), trust), "rb") as file:
        return file.read()


# ------------------------------------------------------------------ reading


def test_each_folder_above_a_file_is_asked_for_its_owner_and_mode(top: Path) -> None:
    deep = top / "one" / "two" / "three"
    deep.mkdir(parents=True)
    for folder in (deep, deep.parent, deep.parent.parent):
        folder.chmod(0o755)
    (deep / "file").write_bytes(b"x")
    (deep / "file").chmod(0o644)
    assert read(deep / "file") == b"x"
    for folder in (deep, deep.parent, deep.parent.parent):
        os.chown(folder, BOB, 0)
        with pytest.raises(Untrusted, match=f"the folder `{folder}` belongs to uid {BOB}") as refused:
            read(deep / "file")
        assert refused.value.hint == f"chown root {folder}"
        os.chown(folder, 0, 0)
        folder.chmod(0o757)
        with pytest.raises(Untrusted, match=r"can be written by others \(mode 0757\)"):
            read(deep / "file")
        folder.chmod(0o755)


def test_links_that_only_root_can_change_are_followed_and_those_of_others_are_not(top: Path) -> None:
    (top / "data").write_bytes(b"data")
    (top / "data").chmod(0o644)
    # As Kubernetes lays a ConfigMap out: file -> ..data/file, ..data -> a folder with a date.
    (top / "..date").mkdir(mode=0o755)
    (top / "..date" / "file").write_bytes(b"map")
    (top / "..date" / "file").chmod(0o644)
    (top / "..data").symlink_to("..date")
    (top / "file").symlink_to("..data/file")
    (top / "absolute").symlink_to(top / "data")
    (top / "up").symlink_to("..date/../data")
    assert [read(top / name) for name in ("file", "absolute", "up")] == [b"map", b"data", b"data"]
    (top / "alice" / "link").symlink_to(top / "data")
    with pytest.raises(Untrusted, match="belongs to"):
        read(top / "alice" / "link")
    with pytest.raises(Untrusted, match="is a link that another user can change"):
        read(top / "alice" / "link", OTHERS)
    shared = top / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to(top / "data")
    assert read(shared / "link") == b"data"
    os.chown(shared / "link", BOB, BOB, follow_symlinks=False)
    with pytest.raises(Untrusted, match="is a link that another user can change"):
        read(shared / "link")


def test_a_circle_of_links_and_a_file_as_a_folder_end(top: Path) -> None:
    (top / "a").symlink_to("b")
    (top / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"):
        read(top / "a")
    with pytest.raises(NotADirectoryError):
        read(top / "secret" / "x")
    with pytest.raises(FileNotFoundError):
        find("/a\0b", OWN)


@pytest.mark.parametrize(
    ("mode", "group", "safe"), [(0o664, 0, True), (0o666, 0, False), (0o664, BOB, False), (0o640, BOB, True)]
)
def test_a_mode_is_judged_by_who_is_in_the_group(top: Path, mode: int, group: int, safe: bool) -> None:
    path = top / "file"
    path.write_bytes(b"x")
    os.chown(path, 0, group)
    path.chmod(mode)
    if safe:
        assert read(path) == b"x"
    else:
        with pytest.raises(Untrusted, match="can be written by others") as refused:
            read(path)
        assert refused.value.hint.startswith("chmod g")


def test_an_access_control_list_makes_a_groups_bits_those_of_others(top: Path) -> None:
    path = top / "file"
    path.write_bytes(b"x")
    # Version 2; user::rw-, user:BOB:rw-, group::r--, mask::rw-, other::r-- (posix_acl_xattr.h).
    entries = [(1, 6, -1), (2, 6, BOB), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
    packed = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + mode.to_bytes(2, "little") + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, mode, who in entries
    )
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("a file system without access control lists")
    with pytest.raises(Untrusted, match="access control list"):
        read(path)


def test_an_ordinary_user_reads_what_the_kernel_permits(top: Path) -> None:
    (top / "alice" / "link").symlink_to(top / "secret")
    assert read(top / "alice" / "link", Trust(False)) == b"secret\n"


def test_a_folder_is_opened_if_it_is_roots_itself(top: Path) -> None:
    os.close(open_folder(str(top), OWN))
    os.close(open_folder("/", OWN))
    with pytest.raises(Untrusted, match="belongs to"):
        open_folder(str(top / "alice"), OWN)
    with pytest.raises(NotADirectoryError):
        open_folder(str(top / "secret"), OWN)


def test_no_descriptor_is_lost_by_any_of_this(top: Path) -> None:
    before = os.listdir("/proc/self/fd")
    (top / "link").symlink_to("secret")
    for path in (top / "secret", top / "link", top / "none", top / "alice" / "x", top / "secret" / "x"):
        for attempt in (lambda path=path: read(path), lambda path=path: find(str(path), OWN).close()):
            try:
                attempt()
            except OSError:
                continue
    assert os.listdir("/proc/self/fd") == before
