"""The trial of an upgrade: its last words are the reason, and it cannot take for ever."""

from __future__ import annotations

import os
import sys

import pytest

from superd.master.trial import SECONDS, Trial
from superd.system.successor import FORMAT


def tried(monkeypatch: pytest.MonkeyPatch, code: str, *, late: bool = False) -> str:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", code])
    trial = Trial()
    folder = os.open("/", os.O_PATH)
    trial.start({"PATH": os.defpath}, folder)
    os.close(folder)
    assert trial.due is not None
    if late:
        trial.on_timer(trial.due - SECONDS)
        assert trial.due is not None
        trial.on_timer(trial.due)
    _, status = os.waitpid(trial.pid, 0)
    why = trial.ended(status)
    assert trial.pid == 0
    return why


def test_a_program_that_can_serve_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"import os; assert os.environ['SUPERD_UPGRADE'] == 'trial:{FORMAT}' and os.getcwd() == '/'; print('fine')"
    assert tried(monkeypatch, code) == ""


def test_the_last_words_are_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(monkeypatch, "print(*range(9), sep='\\n'); raise SystemExit(78)") == "6; 7; 8"
    assert tried(monkeypatch, "raise ImportError('half a package')") == "ImportError: half a package"
    assert tried(monkeypatch, "raise SystemExit(3)") == "it ended with status 3"
    assert tried(monkeypatch, "import os; os.kill(os.getpid(), 9)") == "it ended with signal 9"


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "within 120 s" in tried(monkeypatch, "import signal; signal.pause()", late=True)


def test_a_program_that_does_not_exist_raises_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    trial = Trial()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="directory"):
        trial.start({}, 0)
    assert os.listdir("/proc/self/fd") == before
