"""A title is what /proc, and so `ps`, shows; the environment and the rest of the process are as they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = (
    "import os, sys; sys.path.insert(0, sys.argv[1]); from superd.system.process_title import set_title; set_title(sys.argv[2]); "
    "print(open('/proc/self/cmdline').read().rstrip(chr(0))); print(open('/proc/self/comm').read().strip()); "
    "print(os.environ['MARK'], open('/proc/self/environ').read().count('MARK=here'), sys.argv[2])"
)
ROOT = str(Path(__file__).parent.parent.parent)


def shown(title: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CODE, ROOT, title], env={**os.environ, "MARK": "here"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_title_is_shown_and_nothing_else_changes() -> None:
    assert shown("superd: front") == ["superd: front", "superd: front", "here 1 superd: front"]


def test_a_title_longer_than_the_arguments_is_cut() -> None:
    title = "superd: launcher " + "x" * 90_000
    command, name, rest = shown(title)
    assert title.startswith(command)
    assert name == title[:15]
    assert rest.startswith("here 1 ")
