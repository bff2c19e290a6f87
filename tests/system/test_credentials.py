"""Root is given up for good, whatever superd was started with: tried in processes of their own, told by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from superd.system import credentials
from tests.needs import needs, needs_root

TAKE_ON = """
from superd.system.credentials import take_on
import os, sys
take_on(54901, 54902, [54903], bounding=bool(int(sys.argv[1])))
print(open("/proc/self/status").read())
"""
ROOT = Path(__file__).parents[2]


def status_after(*prefix: str, bounding: bool = False) -> dict[str, str]:
    command = [*prefix, sys.executable, "-c", TAKE_ON, str(int(bounding))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=30)
    assert done.returncode == 0, done.stderr
    return {key: " ".join(rest.split()) for key, _, rest in (line.partition(":") for line in done.stdout.splitlines())}


@pytest.mark.parametrize("bits", ["", "+no_setuid_fixup", "+no_setuid_fixup,+no_setuid_fixup_locked"])
def test_no_capability_is_left_under_any_securebits(bits: str) -> None:
    needs_root()
    prefix = (needs("util-linux", "setpriv"), "--securebits", bits) if bits else ()
    status = status_after(*prefix, bounding=True)
    assert status["Uid"] == "54901 54901 54901 54901"
    assert status["Gid"] == "54902 54902 54902 54902"
    assert status["Groups"] == "54903"
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def test_the_ambient_set_is_emptied_and_the_bounding_set_only_where_that_is_asked_for() -> None:
    needs_root()
    prefix = (needs("util-linux", "setpriv"), "--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service")
    status = status_after(*prefix)
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert int(status["CapBnd"], 16) != 0


def test_what_cannot_be_taken_on_raises() -> None:
    needs_root()
    command = [needs("util-linux", "setpriv"), "--bounding-set=-setuid,-setgid", sys.executable, "-c", TAKE_ON, "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=30)
    assert done.returncode == 1
    assert "superd lacks CAP_SETGID and CAP_SETUID, which becoming another user needs" in done.stderr


def test_a_process_that_is_not_what_it_should_be_is_found_out() -> None:
    uid, gid, groups = os.getuid(), os.getgid(), os.getgroups()
    credentials.verify(uid, gid, groups)
    for wrong in ((uid + 1, gid, groups), (uid, gid + 1, groups), (uid, gid, [*groups, 54903])):
        with pytest.raises(PermissionError, match="taken on"):
            credentials.verify(*wrong)


def test_root_of_a_namespace_with_one_user_is_not_a_root() -> None:
    code = "from superd.system.credentials import alone, is_root; print(alone(), is_root())"
    command = [needs("util-linux", "unshare"), "-r", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=30)
    assert done.stdout.strip() == "True False"
    assert credentials.is_root() == (os.geteuid() == 0)
