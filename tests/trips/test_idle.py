"""An idle superd sleeps: what its processes do while nothing comes, as the kernel counts it."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from superd.ipc.front_orders import KEPT
from tests.daemon_process import Superd, free_port, talk


def switches(pid: int) -> int:
    """How often a process has slept."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_while_nothing_comes_only_the_sign_of_life_wakes_a_process(superd: Superd) -> None:
    port, carried = free_port(), free_port()
    superd.service("cat", f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("carried", f'redirect = "127.0.0.1:{port}"\nlisten = ["127.0.0.1:{carried}"]\n')
    superd.start()
    assert talk(port, b"x") == b"x"
    assert talk(carried, b"x") == b"x"
    assert superd.command("status").returncode == 0
    assert superd.process is not None
    others = [*superd.launchers(), *superd.relays(), *superd.panels()]
    assert len(others) == 3
    pids = [superd.process.pid, superd.front(), *others]
    with pidfd(pids[0]) as master:
        before = [-1] * len(pids)
        while before != (before := [switches(pid) for pid in pids]):  # the end of what the start has left to do
            assert not select.select([master], [], [], 1)[0]
        began = time.monotonic()
        assert not select.select([master], [], [], KEPT + 1)[0]
    beats = int((time.monotonic() - began) / KEPT) + 1
    woken = [switches(pid) - count for pid, count in zip(pids, before, strict=True)]
    assert woken[0] <= beats, woken
    assert woken[1] <= 2 * beats, woken  # its own timer, and the next question
    assert woken[2:] == [0, 0, 0]  # launcher, relay and panel


@contextmanager
def pidfd(pid: int) -> Iterator[int]:
    """A descriptor that is readable when the process has ended."""
    fd = os.pidfd_open(pid)
    yield fd
    os.close(fd)
