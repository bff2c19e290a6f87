"""The group of one program by its descriptors: over a folder that looks like the kernel's, and over a group of the kernel's."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from superd.cgroup import GroupPlan
from superd.system.cgroups import Home
from superd.system.program_group import Group
from tests.daemon_process import WAIT
from tests.own_kernel import groups_with, under_own_kernel

pytestmark = pytest.mark.timeout(500)


def fake(folder: Path, **files: str) -> Group:
    """A group whose files are ordinary ones."""
    for name, text in files.items():
        folder.joinpath(name.replace("_", ".")).write_text(text)
    procs, kill = (os.open("/dev/null", os.O_WRONLY) for _ in range(2))
    return Group(1, procs, kill, os.open(folder, os.O_PATH))


def test_usage_is_read_from_the_kernels_files(tmp_path: Path) -> None:
    group = fake(
        tmp_path, cpu_stat="usage_usec 3000000\nuser_usec 2000000\nsystem_usec 500000\n", memory_peak="2097152\n",
        memory_events="low 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 1\n",
    )  # fmt: skip
    assert group.usage() == (2.0, 0.5, 2048, True)
    group.close()


def test_a_program_that_used_all_its_memory_and_went_on_did_not_run_out_of_it(tmp_path: Path) -> None:
    group = fake(tmp_path, memory_events="low 0\nmax 9\noom 0\noom_kill 0\n")
    assert group.usage() == (0.0, 0.0, 0, False)
    group.close()


@pytest.mark.parametrize("text", ["", "max\n", "x y z\nuser_usec\nuser_usec -\n"])
def test_what_a_kernel_does_not_count_is_nothing(tmp_path: Path, text: str) -> None:
    group = fake(tmp_path, cpu_stat=text, memory_peak=text)
    assert group.usage() == (0.0, 0.0, 0, False)
    assert not group.populated
    group.close()


@under_own_kernel(groups_with())
def test_a_process_enters_by_the_right_of_who_opened_the_file_and_all_end_at_once() -> None:
    home = Home(os.getpid())
    home.divide()
    home.set_service("x", GroupPlan())
    group = Group(1, *home.make("x", "1", GroupPlan()))
    try:
        assert not group.populated
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            group.enter()
            os.fork()
            os.setsid()
            os.write(theirs, b"x")
            signal.pause()
        os.read(ours, 1)
        os.read(ours, 1)
        assert group.populated
        assert not home.remove("x", "1")
        group.end()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        os.close(theirs)
        assert os.read(ours, 1) == b""  # the grandchild has ended too
    finally:
        events = os.open("cgroup.events", os.O_RDONLY, dir_fd=group.folder)
        changed = select.poll()
        changed.register(events, select.POLLPRI)
        while b"populated 1" in os.pread(events, 4096, 0):
            assert changed.poll(WAIT * 1000)
        os.close(events)
        group.close()
        assert home.remove("x", "1")
        home.close()
    assert not Path(home.path).exists()
