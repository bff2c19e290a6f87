"""The front gives up root in a process of its own, or says why it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import needs, needs_root

CODE = """
import os, sys
from superd.front.privileges import give_up_root
from superd.launch_spec import Account
give_up_root(Account("front", 54901, 54902), os.getppid() + int(sys.argv[1]))
print(open("/proc/self/status").read())
try:
    os.kill(os.getpid(), 0)
except PermissionError:
    print("Kill: refused")
"""


def run(ppid_offset: int, *prefix: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", CODE, str(ppid_offset)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2], timeout=30)


@pytest.mark.parametrize("bits", ["", "+no_setuid_fixup"])
def test_the_front_is_its_user_alone_without_a_capability_and_confined(bits: str) -> None:
    needs_root()
    done = run(0, *([needs("util-linux", "setpriv"), "--securebits", bits] if bits else []))
    status = {key: " ".join(rest.split()) for key, _, rest in (line.partition(":") for line in done.stdout.splitlines())}
    assert status["Uid"] == "54901 54901 54901 54901", done.stderr
    assert status["Groups"] == ""
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Kill"]) == ("1", "2", "refused")


def test_a_front_whose_master_is_gone_does_not_begin() -> None:
    needs_root()
    assert "the master ended before the front began" in run(1).stderr
