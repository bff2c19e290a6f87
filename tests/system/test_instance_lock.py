"""Two processes cannot serve one configuration; the second learns which process does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from superd.system.instance_lock import AlreadyServed, lock

ROOT = str(Path(__file__).parent.parent.parent)
CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from superd.system.instance_lock import lock; "
    "print(lock('x', sys.argv[2])); sys.stdout.flush(); sys.stdin.read()"
)


def test_a_second_holder_is_refused_by_name_and_the_end_of_the_first_lets_go(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    command = [sys.executable, "-c", CODE, ROOT, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip().isdigit()
        with pytest.raises(AlreadyServed) as refused:
            lock("x", folder)
        assert refused.value.pid == holder.pid
        other = lock("y", folder)
        assert other is not None
        os.close(other)
        holder.communicate(b"")
    again = lock("x", folder)
    assert again is not None
    os.close(again)


def test_a_folder_that_another_user_could_fill_or_that_cannot_be_made_gives_no_lock(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for folder in (str(open_folder), str(link), "/proc/superd"):
        assert lock("x", folder) is None
