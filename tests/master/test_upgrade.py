"""How an upgrade is reported: in the log, to the service manager, and in the lock file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from superd.master.notify import Notifier
from superd.master.upgrade import Own, Upgrade
from superd.system.instance_lock import lock
from tests.master.parts import Lines

if TYPE_CHECKING:
    from superd.log.log import Log


class Told(Notifier):
    def __init__(self) -> None:
        super().__init__("")
        self.words: list[str] = []

    def reloading(self) -> None:
        self.words.append("reloading")

    def ready(self, status: str) -> None:
        self.words.append(status)


def made(own: Own) -> tuple[Upgrade, Lines, Told]:
    log, told = Lines(), Told()
    return Upgrade(cast("Log", log), told, own), log, told


def test_a_trial_that_fails_is_reported_everywhere_and_the_next_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lock("a configuration", str(tmp_path))
    assert held is not None
    upgrade, log, told = made(Own(lock=held, folder=os.open("/", os.O_PATH)))
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "raise SystemExit('no')"])
    upgrade.ask()
    pid = upgrade.pid
    upgrade.ask()  # one at a time
    assert upgrade.pid == pid
    assert upgrade.due is not None
    assert not upgrade.passed(os.waitpid(pid, 0)[1])
    assert log.lines[-1] == "error: upgrade refused, superd goes on as it is: no"
    assert told.words == ["reloading", "upgrade refused: no"]
    assert os.pread(held, 100, 0).decode() == f"{os.getpid()}\nupgrade 1 refused no\n"
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "pass"])
    upgrade.ask()
    assert upgrade.passed(os.waitpid(upgrade.pid, 0)[1])
    os.close(held)


def test_an_upgrade_is_done_once() -> None:
    upgrade, log, _ = made(Own(table={"upgrades": 4, "began": 0.0, "front": {}}))
    upgrade.served()
    upgrade.served()
    assert [line.split(" in ")[0] for line in log.lines] == ["notice: upgrade: done"]


def test_a_program_that_cannot_be_executed_leaves_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    upgrade, _, _ = made(Own(folder=os.open("/", os.O_PATH)))
    before = os.getcwd()
    with pytest.raises(OSError, match="No such file"):
        upgrade.replace_program({}, [])
    assert os.getcwd() == before
