"""A log file that has limits, and one whose disk is full: what is written is whole lines, what is wrong is reported once."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from superd.log.stream_sink import StreamSink


@contextmanager
def full_at_100() -> Iterator[None]:
    """No file of this process may grow over 100 bytes: as on a full disk, a write is short first, then fails.

    Not a fixture: the tests' own report may go to a file, between a test and its fixture's end.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # Python ignores SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def test_lines_after_the_soft_limit_are_written_and_it_is_reported_once(tmp_path: Path) -> None:
    told: list[str] = []
    sink = StreamSink(opened(tmp_path / "log"), 100, soft=10, hard=25, on_trouble=told.append)
    for _ in range(3):
        sink.put(b"1234567\n")
    assert sink.flush()
    assert told == ["reached its soft limit of 10 bytes"]
    sink.put(b"1234567\n")
    sink.put(b"7654321\n")
    assert sink.flush()
    assert told[1:] == ["reached its hard limit of 25 bytes; nothing more is written to it"]
    assert (tmp_path / "log").read_bytes() == b"1234567\n" * 3


def test_a_file_that_became_smaller_is_written_again_and_warned_of_again(tmp_path: Path) -> None:
    told: list[str] = []
    sink = StreamSink(opened(tmp_path / "log"), 100, soft=8, hard=10, on_trouble=told.append)
    for _ in range(2):
        for _ in range(3):
            sink.put(b"12345\n")
            assert sink.flush()
        os.truncate(tmp_path / "log", 0)
        sink.put(b"1\n")
        assert sink.flush()
        assert (tmp_path / "log").read_bytes() == b"1\n"
        os.truncate(tmp_path / "log", 0)
    assert len(told) == 2


def test_a_full_disk_gets_whole_lines_and_the_rest_comes_when_there_is_room(tmp_path: Path) -> None:
    with full_at_100():
        told: list[str] = []
        sink = StreamSink(opened(tmp_path / "log"), 100, on_trouble=told.append)
        for number in range(12):
            sink.put(b"line %04d\n" % number)
        assert not sink.flush()
        assert not sink.flush()
        text = (tmp_path / "log").read_bytes()
        assert text == b"".join(b"line %04d\n" % number for number in range(10))
        assert len(told) == 2  # what happened, and what the system calls it
        os.truncate(tmp_path / "log", 0)
        assert sink.flush()
        assert (tmp_path / "log").read_bytes() == b"line 0010\nline 0011\n"


def test_half_a_line_on_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    with full_at_100():
        sink = StreamSink(opened(tmp_path / "log"), 100, on_trouble=lambda why: None)
        sink.put(b"x" * 60 + b"\n")
        sink.put(b"y" * 60 + b"\n")
        assert not sink.flush()
        assert (tmp_path / "log").read_bytes() == b"x" * 60 + b"\n"
