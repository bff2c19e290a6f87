"""The table of programs that a launcher shares with the master: what runs is in it, and it cannot be made to grow."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.ipc.running_table import MAX_SLOTS, RunningTable, make_table, read_table

STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "fail", "end", "free"]), st.integers(1, (1 << 57) - 1), st.integers(0, 9)), max_size=40
)


@given(STEPS)
def test_what_runs_or_may_have_left_something_is_in_the_table_and_nothing_else(steps: list[tuple[str, int, int]]) -> None:
    fd = make_table()
    table = RunningTable()
    table.use(os.dup(fd))
    model: dict[int, tuple[int, int, float, int, str, int]] = {}
    for number, (what, conn, index) in enumerate(steps):
        if what in ("end", "free") and model:
            slot = next(iter(model))
            if what == "end":
                table.ended(slot)
                model[slot] = (model[slot][0], 0, *model[slot][2:])
            else:
                table.free((slot, -1))
                del model[slot]
            continue
        source = f"2001:db8::{number:x}"
        slot = table.starting(conn, index, source, 60000 + number, number / 2)
        [entry] = [entry for entry in read_table(fd) if entry.pid == 0]
        assert (entry.conn, entry.index) == (conn, index)
        if what == "fail":
            table.free((slot,))
        else:
            table.started(slot, 100 + number)
            model[slot] = (100 + number, conn, number / 2, index, source, 60000 + number)
    found = [(entry.pid, entry.conn, entry.started, entry.index, entry.source, entry.port) for entry in read_table(fd)]
    assert sorted(found) == sorted(model.values())
    os.close(fd)


def test_without_memory_or_room_programs_run_all_the_same() -> None:
    table = RunningTable()
    assert table.starting(1, 1, "", 0, 0.0) == -1
    table.started(-1, 5)
    table.ended(-1)
    fd = make_table()
    table.use(os.dup(fd))
    slots = [table.starting(conn, 0, "x", 0, 0.0) for conn in range(1, MAX_SLOTS + 2)]
    assert slots[-1] == -1
    assert len(set(slots)) == MAX_SLOTS + 1
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 1 << 30)
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"x" * 100, 1 << 30)
    os.close(fd)


@given(st.binary(max_size=500))
def test_any_bytes_of_a_launcher_are_read_as_entries_or_nothing(data: bytes) -> None:
    fd = make_table()
    os.pwrite(fd, data, 0)
    for entry in read_table(fd):
        assert 0 <= entry.pid < 1 << 32
        assert len(entry.source) <= 46
    os.close(fd)


def test_memory_that_cannot_be_mapped_is_done_without() -> None:
    table = RunningTable()
    table.use(os.open("/dev/null", os.O_RDWR))
    assert table.starting(1, 1, "x", 0, 0.0) == -1
