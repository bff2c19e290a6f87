"""A state is read once, and only where it was asked for."""

from __future__ import annotations

import os

import pytest

from superd.errors import ControlError
from superd.ipc.front_requests import MAX_DUMP
from superd.master.state_dump import StateDump


def test_what_the_front_wrote_is_read_once() -> None:
    dump = StateDump()
    os.write(dump.ask(), b"the state and more")
    assert dump.take(9) == b"the state"
    with pytest.raises(ControlError, match="not asked for"):
        dump.take(9)


def test_a_state_that_was_not_asked_for_is_a_fault() -> None:
    with pytest.raises(ControlError, match="not asked for"):
        StateDump().take(1)


def test_a_second_question_and_the_end_of_the_front_make_the_first_void() -> None:
    dump = StateDump()
    before = len(os.listdir("/proc/self/fd"))
    os.write(dump.ask(), b"old")
    dump.ask()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert dump.take(100) == b""
    dump.ask()
    dump.forget()
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ControlError):
        dump.take(1)


def test_a_front_cannot_make_the_master_read_without_end() -> None:
    dump = StateDump()
    os.ftruncate(dump.ask(), MAX_DUMP + 1)
    assert len(dump.take(1 << 60)) == MAX_DUMP
