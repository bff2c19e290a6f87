"""The options of commands that write, compare and describe files: what typer takes, and what it refuses."""

from __future__ import annotations

import subprocess
import sys


def superd(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "superd", *words], capture_output=True, text=True)


def test_a_schema_that_does_not_exist_is_wrong_usage() -> None:
    done = superd("schema", "xinetd")
    assert (done.returncode, done.stdout) == (64, "")
    assert "`xinetd` is none of service, config" in done.stderr


def test_help_takes_a_key() -> None:
    assert superd("help", "limits.idle").stdout.startswith("limits.idle  (a service file")
