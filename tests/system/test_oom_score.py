"""The master is the last to end without memory; its children are not protected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parent.parent.parent)


def score_after(code: str, start: str = "cat /proc/self/oom_score_adj >/dev/null") -> int:
    text = (
        f"import sys; sys.path.insert(0, {ROOT!r}); from superd.system.oom_score import protect, reset; {code}; "
        "print(open('/proc/self/oom_score_adj').read())"
    )
    done = subprocess.run(["sh", "-c", f'{start}; exec "$@"', "sh", sys.executable, "-c", text], capture_output=True, check=True)
    return int(done.stdout)


def test_protection_is_taken_on_where_the_kernel_allows_it_and_can_always_be_given_up() -> None:
    assert score_after("protect()") in (-900, score_after("pass"))
    assert score_after("protect(); reset()") >= 0


def test_a_process_that_shall_end_first_stays_so() -> None:
    assert score_after("reset()", "echo 300 >/proc/self/oom_score_adj") == 300


def test_a_process_that_does_not_exist_is_not_an_error() -> None:
    assert score_after("reset(1 << 29)") == score_after("pass")
