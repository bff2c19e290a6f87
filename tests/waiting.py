"""Waiting in trio for what a task does: no sleep, and no look more than there are steps."""

from __future__ import annotations

from collections.abc import Callable

import trio

from tests.daemon_process import WAIT


class _AfterEachStep(trio.abc.Instrument):
    """Sets ``met`` once ``condition`` holds; a step of a task is all that can change it."""

    def __init__(self, condition: Callable[[], object]) -> None:
        self._condition = condition
        self.met = trio.Event()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Look at the condition."""
        if not self.met.is_set() and self._condition():
            self.met.set()


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as ``condition`` holds, which is looked at after each step of any task."""
    watch = _AfterEachStep(condition)
    if condition():
        return
    trio.lowlevel.add_instrument(watch)
    try:
        with trio.fail_after(WAIT):
            await watch.met.wait()
    finally:
        trio.lowlevel.remove_instrument(watch)
