"""What a process keeps of the host when its root becomes a folder without /dev and /proc."""

from __future__ import annotations

import os
from pathlib import Path

from superd.system import outside
from tests.in_child import in_child
from tests.needs import needs_root


def test_without_keeping_both_are_found_by_their_paths() -> None:
    for fd in (outside.open_null(), outside.open_proc("self/status")):
        assert not os.get_inheritable(fd)
        os.close(fd)


def test_what_is_kept_works_in_another_root_and_is_not_inherited(tmp_path: Path) -> None:
    needs_root()

    def look() -> list[object]:
        outside.keep()
        os.chroot(tmp_path)
        null, status = outside.open_null(), outside.open_proc("self/status")
        kept = [*outside._kept.values(), null, status]
        return [os.write(null, b"x"), os.read(status, 5).decode(), [os.get_inheritable(fd) for fd in kept]]

    assert in_child(look) == [1, "Name:", [False] * 4]
