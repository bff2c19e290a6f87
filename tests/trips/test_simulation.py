"""A whole front in virtual time against random schedules of clients, launchers, reloads and faults: see `tests/simulation`.

A few schedules run with the suite; ``SUPERD_SIMULATIONS=100000 SUPERD_SEED=1`` runs as many, from that seed on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNT = os.environ.get("SUPERD_SIMULATIONS", "100")
SEED = os.environ.get("SUPERD_SEED", "0")


def test_every_connection_is_answered_once_and_nothing_is_left_whatever_fails_when() -> None:
    # A process of its own: the front's modules must take virtual time from their first line on.
    argv = [sys.executable, "-m", "tests.simulation", "--seed", SEED, "--schedules", COUNT]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.startswith(f"{COUNT} schedules from seed {SEED}: ")


def test_a_front_that_forgets_a_session_is_found(tmp_path: Path) -> None:
    """The simulation can fail: without the end of what a launcher took and did not start, a client waits for ever."""
    code = (
        "from tests.simulation import __main__ as simulation; from superd.front.programs.recovery import Recovery\n"
        "Recovery._lost = lambda self, session, detail: None\n"
        "for seed in range(100): simulation.play(seed)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "AssertionError: left: " in done.stderr
