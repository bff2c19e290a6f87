"""What a front can no longer do, tried in a process of its own that is confined as a front is."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from superd.system.landlock import version

TRIES = """
import ctypes, fcntl, json, os, resource, signal, socket, sys, tempfile, threading
folder = tempfile.mkdtemp()
known = folder + "/known"
open(known, "w").close()
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
from superd.front.confinement import confine
if not confine():
    print(json.dumps(None))
    sys.exit()
def error_of(attempt):
    try:
        attempt()
    except OSError as problem:
        return problem.errno
    return 0
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
pair = socket.socketpair()
ran = []
thread = threading.Thread(target=lambda: ran.append(socket.getaddrinfo("127.0.0.1", 80)[0][4][0]))
thread.start()
thread.join()
x86 = os.uname().machine == "x86_64"
print(json.dumps({
    "fork": error_of(os.fork),
    "exec": error_of(lambda: os.execv("/bin/true", ["true"])),
    "spawn": error_of(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "signal": error_of(lambda: os.kill(os.getppid(), 0)),
    "signal a thread": error_of(lambda: call(234 if x86 else 131, os.getpid(), os.getpid(), 0)),
    "F_SETOWN": error_of(lambda: fcntl.fcntl(pair[0], fcntl.F_SETOWN, os.getppid())),
    "F_SETSIG": error_of(lambda: fcntl.fcntl(pair[0], fcntl.F_SETSIG, signal.SIGKILL)),
    "F_SETOWN_EX": error_of(lambda: fcntl.fcntl(pair[0], 15, b"\\0" * 8)),
    "FIOSETOWN": error_of(lambda: fcntl.ioctl(pair[0], 0x8901, b"\\0" * 4)),
    "SIOCSPGRP": error_of(lambda: fcntl.ioctl(pair[0], 0x8902, b"\\0" * 4)),
    "lease": error_of(lambda: fcntl.fcntl(pair[0], fcntl.F_SETLEASE, 0)),
    "limits of others": error_of(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)),
    "vsock": error_of(lambda: socket.socket(40, socket.SOCK_STREAM)),
    "packet": error_of(lambda: socket.socket(17, socket.SOCK_DGRAM)),
    "alg": error_of(lambda: socket.socket(38, socket.SOCK_SEQPACKET)),
    "listen": error_of(lambda: unix.listen()),
    "mkdir": error_of(lambda: os.mkdir(folder + "/x")),
    "unlink": error_of(lambda: os.unlink(folder + "/x")),
    "rename": error_of(lambda: os.rename(folder, folder + "x")),
    "link": error_of(lambda: os.symlink("x", folder + "/x")),
    "chmod": error_of(lambda: os.chmod(folder, 0o777)),
    "chroot": error_of(lambda: os.chroot(folder)),
    "ptrace": error_of(lambda: call(101 if x86 else 117, 16, os.getppid(), 0, 0)),
    "keyctl": error_of(lambda: call(250 if x86 else 219, 0, 0, 0)),
    "bpf": error_of(lambda: call(321 if x86 else 280, 0, 0, 0)),
    "message queue": error_of(lambda: call(68 if x86 else 186, 1, 0)),
    "write": error_of(lambda: open(folder + "/x", "w")),
    "append": error_of(lambda: os.close(os.open(known, os.O_WRONLY | os.O_APPEND))),
    "read": error_of(lambda: open(known)),
    "dumpable": error_of(lambda: call(157 if x86 else 167, 4, 1)),
    "thread": ran,
}))
"""


def test_a_front_starts_signals_and_makes_nothing_but_has_threads_and_names() -> None:
    command = [sys.executable, "-c", TRIES]
    done = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[2], timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    if found is None:
        pytest.skip("a machine that has no such filters")
    assert found.pop("thread") == ["127.0.0.1"]
    assert found.pop("read") == 0
    written = [found.pop("write"), found.pop("append")]
    assert written == ([errno.EACCES] * 2 if has_landlock() else [0, 0])
    assert found == dict.fromkeys(found, errno.EPERM)


REFUSED = """
import errno
from superd.front import confinement
def refused(*_, **__):
    raise OSError(errno.EPERM, "landlock")
confinement.landlock.make_rules = refused
confinement._open_to_read_alone()
"""


def test_a_container_that_refuses_landlock_has_a_front_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSED], capture_output=True, check=False, cwd=Path(__file__).parents[2], timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")


def has_landlock() -> bool:
    """Whether this kernel can keep files from being written."""
    try:
        return version() >= 3
    except OSError:
        return False
