"""scripts/bench: that every row runs, with tiny counts. What it measures then means nothing, and nothing here looks at it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.needs import needs, needs_root

ROOT = Path(__file__).parent.parent
ROWS = [
    "start",
    "many",
    "guards",
    "idle",
    "watched",
    "refuse",
    "decision",
    "internal",
    "redirect",
    "busy",
    "edge",
    "reload",
    "memory",
    "crowd",
    "scale",
]


@pytest.mark.timeout(180)  # of TLS a second is the least that openssl measures
@pytest.mark.parametrize("row", ROWS)
def test_every_row_runs_and_says_what_was_aimed_at(row: str) -> None:
    needs("gcc", "cc")
    if row == "memory":
        needs_root()  # what a process has for itself is shown to its owner, and a launcher belongs to no other user
    done = subprocess.run([ROOT / "scripts/bench", "--quick", row], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    aims = done.stdout.split("## Aims\n")[1]
    assert "| superd" in done.stdout or row in ("decision", "crowd", "busy", "scale")
    assert aims.count("| ≥ ") + aims.count("| ≤ ") >= 1
    assert "did not come up" not in done.stdout


def test_a_row_that_does_not_exist_is_refused_with_those_that_do() -> None:
    done = subprocess.run([ROOT / "scripts/bench", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no row `nonsense`; there are start many guards idle" in done.stderr
