"""Launchers run the code that their master began with: from memory, whatever becomes of the files."""

from __future__ import annotations

import marshal
import os
from pathlib import Path

from superd.ipc.descriptors import SEALED, from_memory
from superd.master.launcher_bundle import FIRST, LauncherBundle
from superd.system import path_facts
from tests.test_layers import imports

ROOT = Path(__file__).parent.parent.parent


def test_it_holds_every_module_that_launchers_and_relays_import() -> None:
    bundle = LauncherBundle()
    names = set(marshal.loads(from_memory(bundle.fd, 1 << 30, sealed=True)))
    todo, seen = [*FIRST.values()], set[str]()
    while todo:
        name = todo.pop()
        path = ROOT / (name.replace(".", "/") + ".py")
        if name in seen or not path.exists():
            continue
        seen.add(name)
        todo += [full for _, used in imports(path) if used.startswith("superd.") for full in (used, used.rpartition(".")[0])]
    assert seen <= names
    assert {"superd", "superd.launcher", "superd.ipc"} <= names
    os.close(bundle.fd)


def test_no_process_can_change_it() -> None:
    bundle = LauncherBundle()
    assert SEALED
    try:
        os.pwrite(bundle.fd, b"x", 0)
        raise AssertionError("it was written")
    except PermissionError:
        pass
    os.close(bundle.fd)


def test_other_files_on_disk_are_noticed(monkeypatch: object) -> None:
    bundle = LauncherBundle()
    assert not bundle.replaced()
    path = next(iter(bundle._looks))
    bundle._looks[path] = (0, 0, 0)
    assert bundle.replaced()
    assert path_facts.look("/not/here") is None
    os.close(bundle.fd)


def test_a_replacement_on_disk_is_logged_once() -> None:
    lines: list[str] = []

    class Log:
        def message(self, level: str, text: str, **_: object) -> None:
            lines.append(f"{level}: {text}")

    bundle = LauncherBundle()
    bundle.report_replaced(Log())  # type: ignore[arg-type]
    assert lines == []
    bundle._looks[next(iter(bundle._looks))] = (0, 0, 0)
    for _ in range(3):
        bundle.report_replaced(Log())  # type: ignore[arg-type]
    assert lines == ["notice: superd was replaced on disk, and still runs its earlier code: `superd upgrade`"]
    os.close(bundle.fd)
