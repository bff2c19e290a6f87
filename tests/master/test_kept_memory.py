"""What a front wrote is there for the next one, unless it broke its protocol or is what fronts die of."""

from __future__ import annotations

import os
import signal

from superd.ipc.front_orders import Begin, Change, Launching, kept_header, kept_place
from superd.master.kept_memory import AGAIN, KeptMemory
from superd.policy_snapshot import PolicySnapshot
from superd.settings import Settings


def renewed(kept: KeptMemory) -> int:
    """The memory of a front that begins."""
    first = Change(1, Settings(), Launching())
    memory = kept.renew(Begin(first, PolicySnapshot(()))).memory
    assert memory is not None
    return memory


def write(memory: int, number: int, data: bytes) -> None:
    """What a front does."""
    os.pwrite(memory, data, kept_place(number))
    os.pwrite(memory, kept_header(number, len(data)), 0)


def test_what_the_last_front_wrote_is_found() -> None:
    kept = KeptMemory()
    kept.ended(0, young=0)
    assert kept.found == b""
    memory = renewed(kept)
    write(memory, 1, b"old")
    write(memory, 2, b"new")
    kept.ended(0, young=0)
    assert kept.found == b"new"


def test_a_front_that_wrote_nothing_leaves_what_it_was_given() -> None:
    kept = KeptMemory()
    write(renewed(kept), 1, b"old")
    kept.ended(0, young=0)
    renewed(kept)
    kept.ended(0, young=1)
    assert kept.found == b"old"
    renewed(kept)
    kept.ended(0, young=AGAIN)
    assert kept.found == b""


def test_nothing_is_taken_of_a_front_that_broke_its_protocol() -> None:
    kept = KeptMemory()
    write(renewed(kept), 1, b"mine")
    kept.trusted = False
    kept.ended(0, young=0)
    assert kept.found == b""
    write(renewed(kept), 1, b"mine")
    kept.ended(signal.SIGSYS, young=0)
    assert kept.found == b""


def test_a_length_that_is_not_true_reads_no_more_than_there_is() -> None:
    kept = KeptMemory()
    memory = renewed(kept)
    os.pwrite(memory, b"abc", kept_place(1))
    os.pwrite(memory, kept_header(1, 1 << 60), 0)
    kept.ended(0, young=0)
    assert kept.found == b"abc"
    assert kept._memory == -1
