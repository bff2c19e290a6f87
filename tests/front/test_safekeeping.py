"""What a front writes now and then is whole whenever it ends, and is written only when something has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import trio

from superd.front.safekeeping import SHARE, Safekeeping
from superd.ipc.front_orders import read_kept


async def test_the_last_that_was_written_whole_is_read() -> None:
    memory, state, texts = os.memfd_create("kept"), [0], iter(("one", "two", "three"))
    async with trio.open_nursery() as nursery:
        keeping = Safekeeping(memory, lambda: iter((next(texts), "", ".")), lambda: state[0], nursery.start_soon)
        assert read_kept(memory) == b""
        for number, expected in enumerate((b"one.", b"one.", b"two.")):
            state[0] = number // 2
            keeping.look()
            await trio.testing.wait_all_tasks_blocked()
            assert read_kept(memory) == expected
            keeping._not_before = 0.0
    os.close(memory)


async def test_one_that_is_cut_short_leaves_the_one_before() -> None:
    memory, state = os.memfd_create("kept"), [0]

    def long() -> Iterator[str]:
        yield "whole" if not state[0] else "half"
        yield ""
        if state[0]:
            raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt):
        async with trio.open_nursery() as nursery:
            keeping = Safekeeping(memory, long, lambda: state[0], nursery.start_soon)
            keeping.look()
            await trio.testing.wait_all_tasks_blocked()
            state[0], keeping._not_before = 1, 0.0
            keeping.look()
    assert read_kept(memory) == b"whole"
    os.close(memory)


async def test_writing_takes_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, now, state = os.memfd_create("kept"), [100.0], [0]
    monkeypatch.setattr("superd.front.safekeeping.time.monotonic", lambda: now[0])

    def slow() -> Iterator[str]:
        yield "x" * (state[0] + 1)
        now[0] += 0.5
        yield ""

    async with trio.open_nursery() as nursery:
        keeping = Safekeeping(memory, slow, lambda: state[0], nursery.start_soon)
        for moment, expected in ((100.0, b"x"), (100.5 + SHARE * 0.5 - 1, b"x"), (100.5 + SHARE * 0.5 + 1, b"xxx")):
            now[0] = moment
            keeping.look()
            await trio.testing.wait_all_tasks_blocked()
            assert read_kept(memory) == expected
            state[0] += 1
    os.close(memory)
