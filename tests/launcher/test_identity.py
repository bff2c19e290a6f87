"""What a launcher becomes, looked at from inside a process that became it: ids, limits, priority, signals, and no way back."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from superd.launcher import identity
from superd.launcher.identity import say
from tests.needs import needs_root

ROOT = Path(__file__).parent.parent.parent
LOOK = """
import json, os, resource, signal, sys
sys.path.insert(0, sys.argv[1])
from superd.launcher import identity
{before}
limits = identity.become(json.loads(sys.argv[2]))
{after}
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({{
    "limits": limits, "uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "nice": os.nice(0),
    "as": resource.getrlimit(resource.RLIMIT_AS), "cpu": resource.getrlimit(resource.RLIMIT_CPU),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE), "fsize": resource.getrlimit(resource.RLIMIT_FSIZE),
    "capabilities": status["CapPrm"] + status["CapEff"], "bounding": status["CapBnd"],
    "ignored": status["SigIgn"], "blocked": status["SigBlk"],
}}))
"""
PROFILE: dict[str, Any] = {"uid": -1, "gid": -1, "groups": [], "nice": 0, "rlimits": [], "open_files": None}
UNLIMITED = [resource.RLIM_INFINITY, resource.RLIM_INFINITY]


def became(before: str = "", after: str = "", **profile: Any) -> tuple[dict[str, Any], str]:
    """What a process found itself to be, and what it wrote to stderr."""
    code = LOOK.format(before=before, after=after)
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT), json.dumps(PROFILE | profile)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found, result.stderr


def permitted(code: str) -> bool:
    """Whether this root may do it: a container's may not, whatever its capabilities are."""
    setup = "import os, resource; resource.setrlimit(resource.RLIMIT_CPU, (100, 100)); "
    return subprocess.run([sys.executable, "-I", "-S", "-c", setup + code], stderr=subprocess.DEVNULL).returncode == 0


def test_a_user_of_a_service_is_all_that_is_left() -> None:
    needs_root()
    found, complaints = became(uid=12345, gid=12346, groups=[7, 8, 7])
    assert found["uids"] == [12345] * 3
    assert found["gids"] == [12346] * 3
    assert found["groups"] == [7, 8]
    assert int(found["capabilities"].replace("\t", ""), 16) == 0
    assert int(found["bounding"], 16) != 0  # set-uid programs, like a mailer, work as under the inetds
    assert complaints == ""


def test_root_cannot_be_taken_back() -> None:
    needs_root()
    after = "try:\n    os.setuid(0)\nexcept PermissionError:\n    pass\nelse:\n    raise SystemExit('root again')"
    assert became(uid=12345, gid=12346, after=after)[0]["uids"] == [12345] * 3


def test_limits_that_a_launcher_can_live_with_are_its_own_and_others_are_returned() -> None:
    found, _ = became(
        rlimits=[[int(resource.RLIMIT_AS), 1 << 30], [int(resource.RLIMIT_CPU), 5], [int(resource.RLIMIT_FSIZE), 4096]]
    )
    assert found["limits"] == [[resource.RLIMIT_CPU, 5], [resource.RLIMIT_FSIZE, 4096]]
    assert found["as"] == [1 << 30, 1 << 30]
    assert found["cpu"] != [5, 5]
    assert found["fsize"] != [4096, 4096]


def test_a_limit_that_is_too_small_for_a_launcher_is_only_its_programs() -> None:
    found, _ = became(rlimits=[[int(resource.RLIMIT_AS), 1 << 20]])
    assert found["limits"] == [[resource.RLIMIT_AS, 1 << 20]]
    assert found["as"] != [1 << 20, 1 << 20]


def test_a_hard_limit_that_cannot_be_raised_is_reported_and_kept() -> None:
    needs_root()
    before = (
        "resource.setrlimit(resource.RLIMIT_CPU, (100, 100))\nfrom superd.system.credentials import take_on\n"
        "take_on(12345, 12346, [])"
    )
    found, complaints = became(before=before, rlimits=[[int(resource.RLIMIT_CPU), 200]])
    assert found["limits"] == [[resource.RLIMIT_CPU, 100]]
    assert complaints == "superd launcher: warning: limit 0 cannot be raised to 200; programs get 100\n"


def test_root_raises_a_hard_limit_before_it_is_given_up() -> None:
    needs_root()
    before = "resource.setrlimit(resource.RLIMIT_CPU, (100, 100))"
    found, complaints = became(before=before, uid=12345, gid=12346, rlimits=[[int(resource.RLIMIT_CPU), 200]])
    most = 200 if permitted("resource.setrlimit(resource.RLIMIT_CPU, (100, 200))") else 100
    assert found["limits"] == [[resource.RLIMIT_CPU, most]]
    assert found["cpu"] == [100, most]
    assert (complaints == "") == (most == 200)


def test_the_soft_limit_of_files_is_what_superd_was_started_with() -> None:
    assert became(open_files=300)[0]["files"][0] == 300


def test_a_priority_is_taken_on_and_one_that_is_not_permitted_reported() -> None:
    needs_root()
    assert became(nice=3, uid=12345, gid=12346)[0]["nice"] == 3
    assert became(nice=-3, uid=12345, gid=12346)[0]["nice"] == (-3 if permitted("os.nice(-3)") else 0)
    before = "from superd.system.credentials import take_on\ntake_on(12345, 12346, [])"
    found, complaints = became(nice=-3, before=before)
    assert found["nice"] == 0
    assert complaints == "superd launcher: warning: nice -3 is not permitted\n"


def test_signals_are_at_their_defaults_except_for_a_front_that_is_gone() -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    found, _ = became(before=before, after="identity.reset_signals()")
    assert int(found["ignored"], 16) == 1 << (signal.SIGPIPE - 1)
    assert int(found["blocked"], 16) == 0


def test_a_launcher_is_closed_to_others_of_its_user_and_ends_with_the_master() -> None:
    after = (
        "identity.close_inside()\nimport ctypes\nsigned = ctypes.c_int()\nlibc = ctypes.CDLL(None)\n"
        "assert libc.prctl(2, ctypes.byref(signed)) == 0 and signed.value == signal.SIGTERM\nassert libc.prctl(3) == 0"
    )
    became(after=after)


def test_a_signal_of_a_handler_that_is_gone_is_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(sys, "__unraisablehook__", lambda problem: told.append(problem.exc_value))
    kept = OSError("another"), ValueError("a fault")
    for fault in (OSError("Signal 17 ignored due to race condition"), *kept):
        identity._on_unraisable(cast("Any", SimpleNamespace(exc_value=fault)))
    assert tuple(told) == kept


def test_a_complaint_is_a_line_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    say("it is so")
    assert capfd.readouterr().err == "superd launcher: it is so\n"
