"""A front that makes room: it waits for the word and for verdicts, and writes what it knew."""

from __future__ import annotations

import os

import pytest
import trio
import trio.testing

from superd.front.retirement import PAUSE, retire
from superd.ipc.front_orders import RETIRE_SECONDS
from tests.front.fakes import Parts


async def test_it_waits_for_the_word_then_for_verdicts(autojump_clock: trio.testing.MockClock) -> None:
    parts, happened = Parts(), list[str]()
    told, go = os.pipe()
    memory = os.memfd_create("kept")
    mine = os.dup(memory)
    verdicts = iter((False, True))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            retire, told, memory, lambda: happened.append("closed"), lambda: next(verdicts), lambda: b"kept", parts.log,
            lambda: happened.append("ended"),
        )  # fmt: skip
        await trio.testing.wait_all_tasks_blocked()
        assert happened == []
        os.write(go, b"g")
    assert happened == ["closed", "ended"]
    assert os.pread(mine, 9, 0) == b"kept"
    os.close(go)
    os.close(mine)


async def test_a_verdict_that_does_not_come_does_not_hold_it_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    parts, ends = Parts(), list[float]()
    told, go = os.pipe()
    os.write(go, b"g")
    began = trio.current_time()
    memory = os.memfd_create("kept")
    await retire(
        told, memory, lambda: None, lambda: False, lambda: b"", parts.log, lambda: ends.append(trio.current_time() - began)
    )  # fmt: skip
    assert ends == [pytest.approx(RETIRE_SECONDS, abs=2 * PAUSE)]
    os.close(go)


async def test_a_master_that_changes_its_mind_leaves_it_as_it_is() -> None:
    parts, happened = Parts(), list[str]()
    told, go = os.pipe()
    os.close(go)
    await retire(
        told, os.memfd_create("kept"), lambda: happened.append("closed"), lambda: True, lambda: b"", parts.log,
        lambda: happened.append("ended"),
    )  # fmt: skip
    assert happened == []
