"""A file in the middle of being written is not read, and a writer that comes meanwhile waits for the reader."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from superd.system.file_lease import Unsettled, hold, read_whole


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.deny"
    path.write_bytes(b"ALL: ALL\n")
    fd = opened(path)
    held = hold(fd)
    os.close(fd)
    if not held:
        pytest.skip("a file system without leases")
    return path


def test_a_file_that_is_open_for_writing_is_not_read(file: Path) -> None:
    assert read_whole(opened(file), 100) == b"ALL: ALL\n"
    with file.open("wb"), pytest.raises(Unsettled, match="another process is writing it"):
        read_whole(opened(file), 100)
    assert read_whole(opened(file), 100) == b""


def test_a_writer_waits_for_the_lease_and_its_signal_ends_nothing(file: Path) -> None:
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
    fd = opened(file)
    assert hold(fd)
    writer = subprocess.Popen(["/bin/sh", "-c", f"echo begun; : > {file}; echo done"], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"begun\n"
    said: list[bytes] = []
    waiting = threading.Thread(target=lambda: said.append(writer.stdout.readline()))  # type: ignore[union-attr]
    waiting.start()
    waiting.join(0.05)
    assert said == []
    assert os.read(fd, 100) == b"ALL: ALL\n"
    os.close(fd)
    waiting.join(10)
    assert said == [b"done\n"]
    writer.wait(10)
    writer.stdout.close()


def test_what_is_longer_than_the_limit_is_read_a_byte_beyond_it(file: Path) -> None:
    assert read_whole(opened(file), 3) == b"ALL:"


def test_what_has_no_leases_is_read_without_one() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"x")
    os.close(theirs)
    assert not hold(ours)
    assert read_whole(ours, 100) == b"x"
