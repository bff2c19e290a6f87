"""The reading of a start: a child reads, and whatever becomes of it, there is an answer."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from superd.load.registry import load
from superd.load.sources import Sources
from superd.master.configuration import Configuration, Read, Unusable
from superd.master.first_reading import FirstReading


def one_service(folder: Path) -> Read:
    (folder / "echo.toml").write_text('listen = ["127.0.0.1:7007"]\ntype = "INTERNAL"\n')
    return lambda: load(Sources(services=(str(folder),), hosts_allow="", hosts_deny=""))


def test_a_child_reads(tmp_path: Path) -> None:
    reading = FirstReading(one_service(tmp_path), keep_going=False)
    found = reading.value()
    assert isinstance(found, Configuration)
    assert list(found.registry.services) == ["echo"]


def test_a_kernel_without_descriptors_of_processes_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", unknown)
    reading = FirstReading(one_service(tmp_path), keep_going=False)
    assert not reading.is_over()
    assert isinstance(reading.value(), Configuration)


def why(found: object) -> str:
    assert isinstance(found, Unusable)
    return found.problems[0].message


def test_a_child_that_dies_has_read_nothing() -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    assert "ended with signal 9" in why(FirstReading(die, keep_going=False).value())  # type: ignore[arg-type]


def test_a_reading_that_takes_too_long_is_ended() -> None:
    reading = FirstReading(signal.pause, keep_going=False, seconds=0.05)  # type: ignore[arg-type]
    assert not reading.is_over()
    assert "longer than 0.05 s" in why(reading.value())


@pytest.mark.parametrize("name", ["memfd_create", "fork"])
def test_a_host_without_room_for_it_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def no_room(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, name, no_room)
    reading = FirstReading(lambda: pytest.fail("nothing reads here"), keep_going=False)
    assert reading.is_over()
    assert "Too many open files" in why(reading.value())
