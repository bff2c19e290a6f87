"""Programs in groups of processes (cgroup v2): limits of memory, processes and processor time, for one program and for all."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.own_kernel import groups_with, under_own_kernel
from tests.xinetd_process import eventually

pytestmark = pytest.mark.timeout(500)  # the kernel of their own is an ordinary process, several times as slow


limits = under_own_kernel(groups_with("cpu", "memory", "pids"))


def shell(superd: Superd, name: str, table: str) -> int:
    """A service that runs what it is sent."""
    port = free_port()
    superd.service(
        name,
        f'server = "/bin/bash"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\nstderr = "socket"\n'
        f"[limits]\nkill_grace = 0.2\n{table}\n",
    )
    return port


def groups() -> list[Path]:
    """Every group of a program. One that vanishes just now is none: unlike a glob, a walk does not mind."""
    walk = os.walk("/sys/fs/cgroup")
    return [Path(folder) / name for folder, names, _ in walk if Path(folder).parent.name == "services" for name in names]


@limits
def test_memory_that_runs_out_ends_the_whole_tree_and_is_named(superd: Superd) -> None:
    port = shell(superd, "bomb", 'memory = "64M"\nmemory_swap = 0')
    superd.start()
    started = time.monotonic()
    answer = talk(port, b'sleep 1000 & exec perl -e \'$x = "a" x (200 << 20); print "got it"\'\n')
    assert answer == b""
    end = superd.event(event="EXIT", service="bomb")
    assert (end["ended_by"], end["signal"]) == ("memory_limit", 9)
    assert 32 << 20 < end["memory"] <= 64 << 20
    assert time.monotonic() - started < WAIT
    eventually(lambda: not [path for path in groups() if path.joinpath("cgroup.procs").read_text()], "the end of the tree")


@limits
def test_a_program_within_its_memory_ends_as_ever_with_the_peak_of_its_tree(superd: Superd) -> None:
    port = shell(superd, "work", 'memory = "256M"')
    superd.start()
    assert talk(port, b"perl -e '$x = \"a\" x (50 << 20)'; perl -e 'for (1..2e5) {}'; echo done\n") == b"done\n"
    end = superd.event(event="EXIT", service="work")
    assert (end["ended_by"], end["status"]) == ("exit", 0)
    assert end["memory"] > 50 << 20
    assert end["cpu"] > 0


@limits
def test_a_fork_bomb_has_as_many_processes_as_it_may(superd: Superd) -> None:
    port = shell(superd, "forks", "pids = 10")
    superd.start()
    script = b"exec perl -e '$| = 1; while (defined($p = fork)) { if (!$p) { sleep 1000 } $n++ } print \"$n $!\\n\"'\n"
    assert talk(port, script) == b"9 Resource temporarily unavailable\n"
    assert superd.event(event="EXIT", service="forks")["ended_by"] == "exit"
    eventually(lambda: not [path for path in groups() if path.joinpath("cgroup.procs").read_text()], "the end of the tree")


@limits
def test_the_quota_of_processor_time_holds_for_the_whole_tree(superd: Superd) -> None:
    port = shell(superd, "spin", "cpu_quota = 20")
    superd.start()
    began = time.monotonic()
    script = b"for i in 1 2; do timeout 2 perl -e '1 while 1' & done; wait; echo done\n"
    assert talk(port, script) == b"done\n"
    passed = time.monotonic() - began
    end = superd.event(event="EXIT", service="spin")
    assert end["cpu"] < 0.2 * passed + 0.35


@limits
def test_the_sum_of_a_service_has_limits_of_its_own(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "many",
        f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\n[limits.service]\npids = 3\n',
    )
    superd.start()
    held = [socket.create_connection(("127.0.0.1", port), WAIT) for _ in range(3)]
    for sock in held:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    fourth = socket.create_connection(("127.0.0.1", port), WAIT)
    fourth.sendall(b"y")
    held.pop().close()  # then there is room: what could not be started is tried again
    assert fourth.recv(1) == b"y"
    for sock in (*held, fourth):
        sock.close()


@limits
def test_other_limits_hold_from_the_next_program_on(superd: Superd) -> None:
    port = shell(superd, "some", "pids = 5")
    superd.start()
    where = b"cat /sys/fs/cgroup/$(sed -n 's/^0:://p' /proc/self/cgroup)/pids.max\n"
    assert talk(port, where) == b"5\n"
    superd.service("some", (superd.services / "some.toml").read_text().replace("pids = 5", "pids = 7"))
    assert "changed `" in superd.reload()
    assert talk(port, where) == b"7\n"
    superd.service("some", (superd.services / "some.toml").read_text().replace("pids = 7", ""))
    superd.reload()
    assert "/services/" not in talk(port, b"cat /proc/self/cgroup\n").decode()


@limits
def test_nothing_is_left_when_superd_has_ended(superd: Superd) -> None:
    port = shell(superd, "gone", "pids = 50")
    superd.start()
    for _ in range(20):
        assert talk(port, b"setsid bash -c 'trap : TERM HUP; sleep 1000' & echo $$ > /dev/null\n") == b""
    eventually(lambda: len(groups()) <= 16, "the removal of what was used")
    superd.stop()
    eventually(lambda: not groups(), "the removal of all groups")
