"""Has every superd of a measuring run measure the processes that coverage.py does not reach: see ``arcs.py``.

Python imports this at its start, in each process of ``scripts/coverage`` that inherits its PYTHONPATH.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import opcode
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

FOLDER = os.environ.get("SUPERD_COVERAGE", "")
RESUME = opcode.opmap["RESUME"]


def of_sealed_processes(module: Any) -> None:
    """Launchers, relays and panels begin by measuring themselves."""
    text = (Path(__file__).parent / "arcs.py").read_text()
    module.BOOT = f"{text}\nmeasure({FOLDER!r}, {RESUME})\n{module.BOOT}"


def of_fronts(module: Any) -> None:
    """A front measures itself, as coverage.py could not write what it has seen."""
    import posix
    import threading

    from arcs import measure  # type: ignore[import-not-found]

    def be_front(*arguments: object) -> None:
        coverage = sys.modules.get("coverage")
        running = coverage.Coverage.current() if coverage is not None else None
        if running is not None:
            running.stop()
        os._exit = posix._exit
        frame: FrameType | None = sys._getframe()
        while frame is not None:  # else the stopped tracer ends the new one at the next line of each
            frame.f_trace = None
            frame = frame.f_back
        threading.settrace(measure(FOLDER, RESUME))
        become_front(*arguments)

    become_front = module._be_front
    module._be_front = be_front


CHANGED = {"superd.master.launcher_bundle": of_sealed_processes, "superd.master.front_fork": of_fronts}


class Changer(importlib.abc.MetaPathFinder):
    """Finds the modules that are changed once they are loaded."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """Return the module's own spec, with a loader that also changes it."""
        if name not in CHANGED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = with_change(spec.loader.exec_module, CHANGED[name])  # type: ignore[method-assign]
        return spec


def with_change(load: Callable[[ModuleType], None], change: Callable[[Any], None]) -> Callable[[ModuleType], None]:
    """Return what loads a module and then changes it."""

    def load_changed(module: ModuleType) -> None:
        load(module)
        change(module)

    return load_changed


if FOLDER:
    sys.meta_path.insert(0, Changer())
