"""Has the processes of a trip's superd measure each step of their loops, by the processor time of their thread.

Python imports this at the start of a superd that ``tests/step_watch.py`` gives the PYTHONPATH for. What takes too long is
written into a file that is mapped into memory: a front may open no file, and superd closes what it inherits. The code that is
measured is superd's own, which knows nothing of this.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import mmap
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

FILE, LIMIT = os.environ.get("SUPERD_STEPS_FILE", ""), float(os.environ.get("SUPERD_STEPS_LIMIT", "0"))
SIZE = 1 << 17
PART, SLOT = SIZE // 4, 1 << 10
PARTS = {"master": 0, "front": PART}
CHILDREN = 2 * PART
"""Where notes of launchers, relays and panels begin, of which several run at once: each has a slot by its process number."""
WATCHED = {"superd.front.process": "front", "superd.master.loop": "master"}
BOOTS = "superd.master.launcher_bundle"
"""Has what all other processes begin with."""
MASTER = 3
"""Times the limit: it starts processes, and no client's bytes pass through it."""
EXCUSED = {"superd.master.front_fork": "fork_front", "superd.master.listeners": "explain"}
"""What may take the master longer: the kernel copies its tables, once for a front that died; one look at all processes,
bounded, for who holds an address that a reload wants. Clients notice neither."""
excused = [0.0]


class Notes:
    """Lines of one process, in its part of the memory."""

    def __init__(self, memory: mmap.mmap, who: str) -> None:
        self._memory, self._who = memory, who

    def add(self, seconds: float, what: str) -> None:
        """Write one step."""
        part = PARTS[self._who]
        start = self._memory.find(b"\0", part)
        line = f"{self._who}: {seconds * 1000:.1f} ms: {what}\n".encode()
        if start + len(line) < part + PART:
            self._memory[start : start + len(line)] = line


def place(frame: FrameType | None) -> str:
    """Return file and line of a frame."""
    if frame is None:
        return "its end"
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def innermost(task: Any) -> FrameType | None:
    """Return the frame where a task waits."""
    awaited, frame = task.coro, None
    while awaited is not None:
        found = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if found is None:
            break
        if "superd" in found.f_code.co_filename:
            frame = found
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return frame


def watch_front(module: Any, notes: Notes) -> None:
    """Measure the steps of the front's tasks."""
    import trio

    class Steps(trio.abc.Instrument):
        def __init__(self) -> None:
            # It begins in the middle of a step, in which a front builds itself and serves none yet.
            self._from, self._began = "", time.thread_time()

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self._from = place(innermost(task))
            self._began = time.thread_time()

        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            took = time.thread_time() - self._began
            if took > LIMIT and self._from:
                notes.add(took, f"{task.name}, from {self._from} to {place(innermost(task))}")

    async def measured(*arguments: Any) -> int:
        trio.lowlevel.add_instrument(Steps())
        return int(await run(*arguments))

    run = module.run
    module.run = measured


def watch_master(module: Any, notes: Notes) -> None:
    """Measure what the master's loop calls."""

    def measured(loop: Any, what: str, step: Callable[..., None], *arguments: object) -> None:
        began = time.thread_time() - excused[0]
        guarded(loop, what, step, *arguments)
        took = time.thread_time() - excused[0] - began
        if took > MASTER * LIMIT:
            notes.add(took, f"{what}: {getattr(step, '__qualname__', step)} {arguments if what == 'an event' else ''}")

    guarded = module.Loop.guarded
    module.Loop.guarded = measured


def excuse(module: Any, name: str) -> None:
    """Do not count what a function of the master takes."""

    def measured(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*arguments)
        finally:
            excused[0] += time.thread_time() - began

    function = getattr(module, name)
    setattr(module, name, measured)


def watch_children(module: Any) -> None:
    """Have launchers, relays and panels begin with what measures their steps."""
    text = (Path(__file__).parent / "child_steps.py").read_text()
    values = {"FILE": FILE, "LIMIT": LIMIT, "START": CHILDREN, "LENGTH": SIZE - CHILDREN, "SLOT": SLOT}
    for name, value in values.items():
        text = text.replace(f'"{{{name}}}"', f'"{value}"')
    module.BOOT = text + module.BOOT


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are watched once they are loaded."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the module's own spec, with a loader that has it watched."""
        if name not in (*WATCHED, *EXCUSED, BOOTS):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_watched(module: Any) -> None:
            load(module)
            if name == BOOTS:
                watch_children(module)
            elif name in EXCUSED:
                excuse(module, EXCUSED[name])
            else:
                watch = {"front": watch_front, "master": watch_master}[WATCHED[name]]
                watch(module, Notes(self._memory, WATCHED[name]))

        spec.loader.exec_module = load_watched  # type: ignore[method-assign]
        return spec


if FILE:
    try:
        with open(FILE, "r+b") as file:
            sys.meta_path.insert(0, Finder(mmap.mmap(file.fileno(), SIZE)))
    except OSError:
        pass  # started as a user that may not: it is not watched
