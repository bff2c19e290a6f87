"""Going to the background, as the one that waits for the parent sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT

BEGIN = "import os, sys; from superd.daemon.background import go_to_background; child = go_to_background(); "


def parent(rest: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + rest]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=Path(__file__).parent.parent.parent)


def test_it_ends_with_0_when_the_child_is_ready() -> None:
    done = parent("child.detach(); child.ready()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit(78)", 78), ("sys.exit(0)", 1), ("os.kill(os.getpid(), 9)", 1), ("raise ValueError('ours')", 1)]
)
def test_it_never_ends_with_0_when_the_child_ended_before(end: str, status: int) -> None:
    done = parent(end)
    assert done.returncode == status
    assert ("ValueError: ours" in done.stderr) == ("ours" in end)


def test_the_child_leads_a_session_of_its_own() -> None:
    done = parent("print(os.getsid(0) == os.getpid(), flush=True); child.ready()")
    assert done.stdout == "True\n"


def test_a_parent_that_was_ended_meanwhile_is_not_the_childs_fault() -> None:
    done = parent("os.kill(os.getppid(), 9); os.read(0, 1); child.ready(); print('goes on', flush=True)")
    assert done.returncode == -9
    assert done.stdout == "goes on\n"
