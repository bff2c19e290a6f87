"""Superd's part of the tree of groups: where it is, why there may be none, and what is made and removed there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from superd.cgroup import GroupPlan
from superd.system import cgroups
from superd.system.cgroups import Home, NoGroup, host_fault
from tests.own_kernel import groups_with, under_own_kernel

pytestmark = pytest.mark.timeout(500)
LINE = "30 23 0:26 {root} {where} {options} shared:9 - cgroup2 cgroup2 rw"
PIDS = GroupPlan((("pids.max", "5"),), (("pids.max", "50"),))


class Tree:
    """A folder that looks like a mounted tree; its files are ordinary ones, which a new folder has too."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.files = {
            "/proc/self/mountinfo": LINE.format(root="/", where=folder, options="rw,nosuid") + "\n",
            "/proc/7/cgroup": "3:cpu:/x\n0::/unit.service\n",
            "/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\n",
        }
        self.systemd, self.delegated = False, True
        read, isdir, mkdir = cgroups._read, os.path.isdir, os.mkdir
        self.rmdir = os.rmdir
        patch.setattr(cgroups, "_read", lambda path: self.files[path] if path in self.files else read(path))
        patch.setattr(cgroups, "_delegated", lambda path: self.delegated)
        patch.setattr(os.path, "isdir", lambda path: self.systemd if path == "/run/systemd/system" else isdir(path))

        def make(path: str, mode: int = 0o777) -> None:
            mkdir(path, mode)
            self.fill(Path(path))

        patch.setattr(os, "mkdir", make)
        patch.setattr(os, "rmdir", self.remove)
        self.fill(folder, kind=False)
        folder.joinpath("unit.service").mkdir()
        make(f"{folder}/unit.service/inner")
        self.fill(folder / "unit.service")

    def fill(self, folder: Path, *, kind: bool = True) -> None:
        names = ["cgroup.procs", "cgroup.kill", "cgroup.subtree_control", "pids.max", "memory.max", "cpu.max"]
        for name in (*names, *(["cgroup.type"] if kind else [])):
            folder.joinpath(name).write_text("")
        folder.joinpath("cgroup.controllers").write_text("cpuset cpu memory pids\n")

    def remove(self, path: str) -> None:
        folder = Path(path)
        if not folder.is_dir():
            raise FileNotFoundError(path)
        if any(inner.is_dir() for inner in folder.iterdir()) or folder.joinpath("cgroup.procs").read_text():
            raise OSError(16, "busy", path)
        for inner in folder.iterdir():
            inner.unlink()
        self.rmdir(path)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    return Tree(tmp_path, monkeypatch)


def test_a_unit_that_has_its_group_divides_it(tree: Tree) -> None:
    tree.systemd = True
    home = Home(7)
    assert home.path == f"{tree.folder}/unit.service"
    assert home.controllers == ("cpu", "memory", "pids")
    assert home.fault(PIDS) == ""
    assert Path(home.path, "cgroup.subtree_control").read_text() == "+cpu +memory +pids "
    assert sorted(path.name for path in Path(home.path).iterdir() if path.is_dir()) == ["inner", "main", "services"]


def test_a_superd_in_main_has_the_group_above(tree: Tree) -> None:
    tree.files["/proc/7/cgroup"] = "0::/unit.service/main\n"
    assert Home(7).path == f"{tree.folder}/unit.service"


def test_the_root_of_the_tree_is_left_alone_except_for_one_group(tree: Tree) -> None:
    tree.files["/proc/7/cgroup"] = "0::/\n"
    home = Home(7)
    home.divide()
    assert home.path == f"{tree.folder}/superd.7"
    home.set_service("x", PIDS)
    for fd in home.make("x", "1", PIDS):
        os.close(fd)
    assert home.found() == [("x", "1")]
    assert Path(home.path, "services", "x", "pids.max").read_text() == "50"
    assert Path(home.path, "services", "x", "1", "pids.max").read_text() == "5"
    home.close()
    assert not Path(home.path).exists()


def test_what_a_superd_that_is_gone_has_left_is_removed(tree: Tree) -> None:
    tree.files["/proc/7/cgroup"] = "0::/\n"
    for name in (f"superd.{os.getpid()}", "superd.4194304", "superd.x"):
        os.mkdir(f"{tree.folder}/{name}")
    home = Home(7)
    home.forget_the_dead()
    assert sorted(path.name for path in tree.folder.glob("superd.*")) == [f"superd.{os.getpid()}", "superd.x"]


def test_a_group_with_a_process_stays(tree: Tree) -> None:
    home = Home(7)
    home.divide()
    home.set_service("x", PIDS)
    for fd in home.make("x", "1", PIDS):
        os.close(fd)
    Path(home.path, "services", "x", "1", "cgroup.procs").write_text("5")
    assert not home.remove("x", "1")
    assert not home.remove("x")
    Path(home.path, "services", "x", "1", "cgroup.procs").write_text("")
    assert home.remove("x", "1")
    assert home.remove("x", "1")
    assert home.remove("x")


def test_what_is_left_is_killed_and_what_runs_is_not(tree: Tree) -> None:
    home = Home(7)
    home.divide()
    home.set_service("x", PIDS)
    for fd in home.make("x", "1", PIDS):
        os.close(fd)
    group = Path(home.path, "services", "x", "1")
    for inside, programs, killed in (("", (), ""), ("5\n6\n", (6, 9), ""), ("5\n6\n", (9,), "1")):
        group.joinpath("cgroup.procs").write_text(inside)
        home.end_leftovers("x", "1", programs)
        assert group.joinpath("cgroup.kill").read_text() == killed
    home.end_leftovers("x", "2", ())


def test_limits_that_are_not_written_any_more_are_lifted(tree: Tree) -> None:
    home = Home(7)
    home.divide()
    home.set_service("x", GroupPlan((), (("memory.max", "4096"),)))
    home.set_service("x", PIDS)
    folder = Path(home.path, "services", "x")
    assert (folder.joinpath("memory.max").read_text()[:3], folder.joinpath("pids.max").read_text()[:2]) == ("max", "50")


def test_swap_that_the_kernel_has_not_needs_no_limit(tree: Tree) -> None:
    assert Home(7).fault(GroupPlan((("memory.swap.max", "0"),))) == ""
    assert "No such file" in Home(7).fault(GroupPlan((("memory.high", "0"),)))


@pytest.mark.parametrize(
    ("cgroup", "systemd", "delegated", "why"),
    [
        ("0::/\n", True, True, "superd is in the root of the tree, which is systemd's"),
        ("0::/unit.service\n", True, False, "systemd keeps the group `/unit.service`: its unit needs Delegate=yes"),
        ("0::/../x\n", False, True, "superd is outside of the part of the tree that is mounted"),
        ("3:cpu:/x\n", False, True, "superd is in no group of cgroup v2"),
    ],
)
def test_a_superd_without_a_group_says_why(tree: Tree, cgroup: str, systemd: bool, delegated: bool, why: str) -> None:
    tree.files["/proc/7/cgroup"], tree.systemd, tree.delegated = cgroup, systemd, delegated
    with pytest.raises(NoGroup) as problem:
        Home(7)
    assert str(problem.value) == why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "cgroup v2 is not mounted"),
        ("30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw", "cgroup v2 is mounted read-only"),
        ("30 23 0:26 / /nowhere rw - cgroup2 cgroup2 rw", "`/nowhere` is covered by another mount"),
    ],
)
def test_a_host_without_a_tree_says_why(tree: Tree, line: str, why: str) -> None:
    tree.files["/proc/self/mountinfo"] = line
    assert host_fault(GroupPlan()) == why


def test_a_controller_that_is_elsewhere_is_named(tree: Tree) -> None:
    tree.folder.joinpath("cgroup.controllers").write_text("hugetlb\n")
    assert host_fault(PIDS) == "superd's group has no controller `pids`"
    tree.files["/proc/cgroups"] += "pids\t8\t1\t1\nblkio\t7\t1\t1\nmemory\t0\t1\t1\n"
    assert host_fault(PIDS) == "the controller `pids` belongs to cgroup v1 on this host"
    assert host_fault(GroupPlan((("io.weight", "5"),))) == "the controller `io` belongs to cgroup v1 on this host"
    assert host_fault(GroupPlan((("memory.max", "5"),))) == "superd's group has no controller `memory`"


def test_a_part_of_the_tree_that_a_container_sees_is_enough(tree: Tree) -> None:
    tree.files["/proc/self/mountinfo"] = LINE.format(root="/docker/5", where=tree.folder, options="rw")
    tree.files["/proc/7/cgroup"] = "0::/docker/5/unit.service\n"
    assert Home(7).path == f"{tree.folder}/unit.service"


@under_own_kernel(groups_with())
def test_a_tree_of_the_kernels_is_as_it_was_afterwards() -> None:
    home = Home(os.getpid())
    assert home.fault(GroupPlan()) == ""
    home.set_service("x", GroupPlan())
    for fd in home.make("x", "1", GroupPlan()):
        os.close(fd)
    assert Path(home.path, "services", "x", "1", "cgroup.kill").exists()
    assert home.found() == [("x", "1")]
    home.close()
    assert not Path(home.path).exists()
