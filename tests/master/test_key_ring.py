"""The master's keys: read by a child, given to relays when they differ, and read again when a file changes."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from superd.ipc.descriptors import from_memory
from superd.master.key_ring import KeyRing
from superd.master.reading_child import ReadingChild
from superd.service import Service
from tests.certificates import Authority
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log

WAIT = 20.0


class Master:
    """The part of a master that has to do with keys."""

    def __init__(self, folder: Path) -> None:
        self.lines = Lines()
        self.poll = select.poll()
        self.used: list[int] = []
        self.told: list[dict[str, float] | None] = []
        self.readings = ReadingChild(cast("Log", self.lines), lambda: None)
        self.ring = KeyRing(cast("Log", self.lines), self.poll, self.readings, self.used.append, self.tell, time.monotonic)
        self.authority = Authority(folder)
        self.cert, self.key = self.authority.issue("x.example.org")
        table = {"cert": str(self.cert), "key": str(self.key)}
        self.services = {"s": Service.model_validate({"name": "s", "server": "/bin/cat", "port": 7, "tls": table})}

    def tell(self) -> None:
        self.told.append(self.ring.ends)

    def read(self) -> None:
        """Waits for the reading that was asked for."""
        assert self.readings.pid
        assert self.readings.ended(*os.waitpid(self.readings.pid, 0))

    def notice(self) -> None:
        """Waits for a change on disk, and reads."""
        ready = self.poll.poll(WAIT * 1000)
        assert ready
        assert self.ring.on_readable(ready[0][0])
        due = self.ring.due
        assert due is not None
        self.ring.on_timer(due - 0.01)
        assert not self.readings.pid
        self.readings.on_timer(time.monotonic() + WAIT)
        self.ring.on_timer(due)
        if not self.readings.pid:
            self.readings.on_timer(time.monotonic() + WAIT)
        self.read()


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    one = Master(tmp_path)
    yield one
    one.ring.close_copies()
    for fd in one.used:
        if fd >= 0:
            os.close(fd)


def test_keys_are_memory_that_relays_get_and_the_same_ones_are_not_given_twice(master: Master) -> None:
    master.ring.configure(master.services)
    master.read()
    (fd,) = master.used
    assert master.key.read_bytes() in from_memory(fd, 1 << 20, sealed=True)
    assert master.ring.ends is not None
    assert master.ring.ends["s"] > time.time()
    assert master.told == [master.ring.ends]
    master.ring.configure(master.services)
    master.read()
    assert master.used == [fd]


def test_what_is_renewed_is_given_and_what_cannot_be_used_is_said(master: Master) -> None:
    master.ring.configure(master.services)
    master.read()
    master.authority.issue("x.example.org")
    master.notice()
    assert len(master.used) == 2
    master.key.write_text("nothing")
    master.notice()
    assert len(master.used) == 2
    said = " ".join(master.lines.lines)
    assert "the key cannot be used" in said
    assert "the earlier one stays in use" in said


def test_without_services_with_tls_there_are_not_keys(master: Master) -> None:
    master.ring.configure({})
    assert not master.readings.pid
    master.ring.configure(master.services)
    master.read()
    master.ring.configure({})
    assert master.used[1:] == [-1]


def test_what_is_known_of_a_new_service_is_nothing_until_it_was_read(master: Master) -> None:
    master.ring.configure(master.services)
    assert master.ring.ends is None
    master.read()
    master.ring.configure({"t": master.services["s"].model_copy(update={"name": "t"})})
    assert master.ring.ends is None
    master.key.write_text("nothing")
    master.read()
    assert master.ring.ends == {}


def test_another_descriptor_is_not_its_own(master: Master) -> None:
    assert not master.ring.on_readable(-1)
    assert not master.ring.on_readable(0)
