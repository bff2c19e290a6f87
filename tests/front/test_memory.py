"""Memory goes back after a crowd, and what is made to stay is not looked at again."""

from __future__ import annotations

import gc
import weakref

import pytest
import trio
import trio.testing

from superd.front.memory import SETTLE, set_aside, tidy


class Node:
    def __init__(self) -> None:
        self.itself = self


async def test_what_a_crowd_left_in_circles_is_freed_after_a_moment(autojump_clock: trio.testing.MockClock) -> None:
    gc.disable()
    try:
        left = weakref.ref(Node())
        begun = trio.current_time()
        await tidy()
        assert trio.current_time() - begun == SETTLE
        assert left() is None
    finally:
        gc.enable()


def test_what_is_set_aside_is_never_collected_and_collections_go_on() -> None:
    gc.collect()
    before = gc.get_freeze_count()
    try:
        with set_aside():
            assert not gc.isenabled()
            kept = [[number] for number in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() - before >= len(kept)
    finally:
        gc.unfreeze()


def test_collections_go_on_when_what_was_to_be_made_fails() -> None:
    try:
        with pytest.raises(ValueError, match="bad"), set_aside():
            raise ValueError("bad")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
