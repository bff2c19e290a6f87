"""The watch over the steps of superd's processes finds one that takes long, and says whose it is and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import step_watch
from tests.daemon_process import Superd, free_port, talk


def test_a_step_over_the_limit_fails_the_trip_with_its_task_and_place(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_watch, "LIMIT", 0.000001)
    echo, carried, program = free_port(), free_port(), free_port()
    superd.service("echo", f'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{echo}"]\n')
    superd.service("carried", f'redirect = "127.0.0.1:{echo}"\nlisten = ["127.0.0.1:{carried}"]\n')
    superd.service("program", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{program}"]\n')
    superd.start()
    for port in (echo, carried, program):
        assert talk(port, b"x") == b"x"
    for pid in (*superd.relays(), *superd.launchers()):
        assert str(superd.folder / "steps") not in map(os.readlink, Path(f"/proc/{pid}/fd").iterdir())
    assert superd.command("status").returncode == 0
    with pytest.raises(AssertionError, match="steps of superd's loops took long") as found:
        superd.stop()
    superd.steps = None
    text = str(found.value)
    for who in ("front", "launcher", "relay", "panel"):
        assert f"{who}: " in text
    assert "superd.front." in text
    assert ".py:" in text
    assert "master: " in text
    assert "Master._on_event" in text


def test_a_step_that_is_seldom_long_may_be_the_machine_s(tmp_path: Path) -> None:
    file = tmp_path / "steps"
    watch = step_watch.StepWatch(file)
    once, again, long = "front: 11.0 ms: a", "front: 12.0 ms: b, from x.py:1 to y.py:2", "front: 51.0 ms: c"
    master = "master: 140.0 ms: a timer: d"
    file.write_text("\n".join([once, again, long, once, master, again, again]) + "\0" * 9)
    assert watch.found() == [again, long, again, again]


def test_a_daemon_that_does_nothing_long_is_not_accused(superd: Superd) -> None:
    superd.start()
    superd.stop()
    assert superd.steps is not None
    assert superd.steps.found() == []
