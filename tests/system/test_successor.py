"""The next program of a process: it gets the table and these descriptors, and believes no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from superd.system.successor import FORMAT, VARIABLE, handed_on, on_trial, replace_program, take_table, understood

_OLD = """
import os, signal, sys
from superd.system.successor import replace_program
kept, lost = os.memfd_create("kept"), os.memfd_create("lost")
os.write(kept, b"kept")
signal.signal(signal.SIGHUP, signal.SIG_DFL)
replace_program([sys.executable, "-c", sys.argv[1]], os.environ, {"mine": [kept, lost, os.getpid()]}, [kept])
"""
_NEW = """
import os, signal
from superd.system.successor import BLOCKED, take_table
table = take_table(os.environ)
kept, lost, pid = table["mine"]
assert pid == os.getpid()
assert os.pread(kept, 9, 0) == b"kept" and not os.get_inheritable(kept)
try:
    os.fstat(lost)
except OSError:
    pass
else:
    raise AssertionError("a descriptor that was not handed on is open")
os.kill(pid, signal.SIGHUP)  # held back until there is a handler
assert signal.sigpending() == {signal.SIGHUP} and signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= BLOCKED
assert take_table(os.environ) is None
print("taken over")
"""


def test_the_next_program_has_the_table_and_the_descriptors_and_no_signal_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", _OLD, _NEW], capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("taken over\n", "")


def test_a_program_that_cannot_be_executed_leaves_everything_as_it_was() -> None:
    fd = os.memfd_create("x", os.MFD_CLOEXEC)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        replace_program(["/nonexistent/python"], {}, {}, [fd])
    assert not os.get_inheritable(fd)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


@pytest.mark.parametrize("value", ["", "1:3", "x:3", f"{os.getpid()}:x", f"{os.getpid()}:999", f"{os.getpid()}:0"])
def test_what_is_not_this_process_s_table_is_none(value: str) -> None:
    assert handed_on({VARIABLE: value}) is None


def test_memory_that_can_be_changed_is_not_a_table() -> None:
    fd = os.memfd_create("table", os.MFD_ALLOW_SEALING)
    os.write(fd, json.dumps({"format": FORMAT, "fds": []}).encode())
    environ = {VARIABLE: f"{os.getpid()}:{fd}"}
    assert take_table(environ) is None
    assert environ == {}
    os.close(fd)


def test_a_trial_knows_the_layout_or_says_so() -> None:
    assert on_trial({VARIABLE: f"trial:{FORMAT}"})
    assert not on_trial({})
    assert understood({VARIABLE: f"trial:{FORMAT}"})
    assert not understood({VARIABLE: f"trial:{FORMAT + 1}"})
