"""The entry of the command: where it can run at all, and what it does before anything else."""

from __future__ import annotations

import subprocess
import sys

import pytest

ELSEWHERE = """
import builtins, signal, sys
sys.platform = sys.argv[1]
sys.argv = ["superd", *sys.argv[2:]]
del signal.SIGHUP
ordinary = builtins.__import__
def refuse(name, *rest):
    if name.split(".")[0] in ("pwd", "grp", "fcntl", "resource", "trio", "pydantic", "typer"):
        raise ModuleNotFoundError(name)
    return ordinary(name, *rest)
builtins.__import__ = refuse
from superd.cli import main
main()
"""


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
@pytest.mark.parametrize("arguments", [["run"], ["check", "x"], ["xinetd", "-f", "x"], ["--version"]], ids=" ".join)
def test_another_system_is_named_in_one_line(platform: str, arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, platform, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == f"superd: error: superd runs on Linux only, not on `{platform}`\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "superd", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("superd ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["check", "--nope"], ["explain"], ["xinetd", "-nope"]], ids=" ".join)
def test_wrong_usage_is_sixty_four_as_the_unit_expects(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "superd", *arguments], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (64, False)
