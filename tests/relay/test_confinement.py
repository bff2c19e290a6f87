"""A relay cannot do what it need not do: tried from inside, by a process that was confined in the same way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.needs import needs_root
from tests.relay_process import RelayProcess

ROOT = Path(__file__).parent.parent.parent

TRY = """
import ctypes, errno, fcntl, json, mmap, os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from superd.relay import process
from superd.relay.confinement import confine
from superd.system.credentials import become
uid = int(sys.argv[2])
parent = os.getppid()
here, there = socket.socketpair()
become(uid, uid)
assert confine()
def mapped():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)
tries = {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "socket": lambda: socket.socket(),
    "connect": lambda: here.connect("/dev/log"),
    "listen": lambda: here.listen(),
    "accept": lambda: here.accept(),
    "fork": lambda: os.fork(),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "kill": lambda: os.kill(parent, signal.SIGTERM),
    "kill itself": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "owner of a descriptor": lambda: fcntl.fcntl(here, fcntl.F_SETOWN, parent),
    "type into a terminal": lambda: fcntl.ioctl(0, 0x5412, b"x"),
    "executable memory": mapped,
    "become root": lambda: os.setuid(0),
    "chdir": lambda: os.chdir("/tmp"),
    "unlink": lambda: os.unlink("/tmp/none"),
    "list": lambda: os.listdir("/"),
    "limits of others": lambda: os.nice(-1),
}
found = {}
for name, call in tries.items():
    try:
        call()
        found[name] = "done"
    except OSError as problem:
        found[name] = errno.errorcode[problem.errno]
    except BaseException as problem:
        found[name] = type(problem).__name__
print(json.dumps(found))
"""


def test_it_opens_connects_starts_and_signals_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", TRY, str(ROOT), "65534" if os.geteuid() == 0 else "-1"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    found = json.loads(done.stdout)
    assert set(found.values()) == {"EPERM"}, found


def test_it_is_the_user_it_is_given_without_groups_capabilities_and_a_view_for_others() -> None:
    needs_root()
    relay = RelayProcess((65534, 65534))
    try:
        relay.settled()
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{relay.pid}/status").read_text().splitlines())
        assert status["Uid"].split() == ["65534"] * 4
        assert status["Gid"].split() == ["65534"] * 4
        assert status["Groups"].split() == []
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        # Not dumpable: its /proc is root's, and ptrace(2) by others of its uid is refused.
        assert Path(f"/proc/{relay.pid}/mem").stat().st_uid == 0
        open_files = {path.readlink().name for path in Path(f"/proc/{relay.pid}/fd").iterdir()}
        assert not [name for name in open_files if name.startswith("superd")]
    finally:
        relay.close()


def test_under_securebits_it_can_do_no_more() -> None:
    needs_root()
    done = subprocess.run(
        ["setpriv", "--securebits", "+no_setuid_fixup", sys.executable, "-I", "-S", "-c", TRY, str(ROOT), "65534"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert set(json.loads(done.stdout).values()) == {"EPERM"}, done
