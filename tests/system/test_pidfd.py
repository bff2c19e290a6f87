"""Processes by their descriptor."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

from superd.system.pidfd import NOT_YET, UNKNOWN, exit_status, send_signal
from superd.system.process_state import zombie_status
from tests.needs import needs_root

RELEASE = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def child(status: int) -> tuple[int, int]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(status)
    os.close(read)
    descriptor = os.pidfd_open(pid)
    os.set_inheritable(write, False)
    _writes[pid] = write
    return pid, descriptor


_writes: dict[int, int] = {}


def test_a_status_that_may_not_be_seen_is_unknown_and_no_exit() -> None:
    """Root without CAP_SYS_PTRACE, as under hardened.conf: the kernel shows 0 for a process of another user."""
    needs_root()
    code = (
        "import os\n"
        "from superd.system.process_state import zombie_status\n"
        "pid = os.fork()\n"
        "if not pid:\n os.setresuid(65534, 65534, 65534)\n os._exit(7)\n"
        "os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n"
        "print(zombie_status(pid))\n"
    )
    without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    for prefix, status in (([], str(7 << 8)), (without, "None")):
        done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == status


def test_the_status_is_there_once_it_was_reaped() -> None:
    pid, fd = child(7)
    assert exit_status(fd) in (NOT_YET, UNKNOWN)
    assert zombie_status(pid) is None
    os.close(_writes.pop(pid))
    assert select.select([fd], [], [], 10)[0] == [fd]
    if os.geteuid() == 0:
        assert zombie_status(pid) == 7 << 8
    os.waitpid(pid, 0)
    assert exit_status(fd) == (7 << 8 if RELEASE >= (6, 15) else UNKNOWN)
    assert not send_signal(fd, signal.SIGTERM)
    os.close(fd)


def test_a_signal_reaches_it() -> None:
    pid, fd = child(7)
    assert send_signal(fd, 0)
    assert send_signal(fd, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    os.close(_writes.pop(pid))
    os.close(fd)
