"""superd writes no core; a program gets the limit back that superd was started with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parent.parent.parent)


def limits(start: str, code: str) -> str:
    text = (
        f"import os, resource, subprocess, sys; sys.path.insert(0, {ROOT!r}); from superd.system.core_limit import *; "
        f"limit = lambda pid=0: resource.prlimit(pid, resource.RLIMIT_CORE)[0]; {code}"
    )
    command = ["sh", "-c", f'ulimit -Sc {start}; exec "$@"', "sh", sys.executable, "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_limit_is_lowered_and_given_back_to_one_child() -> None:
    code = (
        "no_core(); print(limit()); child = subprocess.Popen(['cat'], stdin=subprocess.PIPE); give_back(child.pid); "
        "print(limit(child.pid)); child.communicate(b'')"
    )
    assert limits("8", code).split() == ["0", "4096"]  # dash counts in blocks of 512 bytes


def test_a_limit_that_is_0_stays_so_and_a_child_that_has_ended_is_not_an_error() -> None:
    assert limits("0", "no_core(); give_back(1 << 29); print(limit())") == "0"
