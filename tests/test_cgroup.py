"""Which keys ask for groups of processes, and what they are in the kernel's files."""

from __future__ import annotations

from typing import Any

import pytest

from superd.cgroup import GroupPlan, group_plan, memory_limit
from superd.service import Service


def plan(**keys: Any) -> GroupPlan | None:
    return group_plan(Service(name="x", **{"server": "/bin/cat", **keys}))


@pytest.mark.parametrize(
    ("limits", "files"),
    [
        ({"memory": "1M"}, (("memory.max", "1048576"), ("memory.oom.group", "1"))),
        ({"memory": "UNLIMITED"}, (("memory.max", "max"), ("memory.oom.group", "1"))),
        ({"memory_swap": 0}, (("memory.swap.max", "0"),)),
        ({"pids": 5}, (("pids.max", "5"),)),
        ({"cpu_quota": 150}, (("cpu.max", "150000 100000"),)),
        ({"io_weight": 50}, (("io.weight", "50"),)),
    ],
)
def test_a_limit_is_a_file_of_the_programs_group(limits: dict[str, Any], files: tuple[tuple[str, str], ...]) -> None:
    found = plan(limits=limits)
    assert found is not None
    assert found.each == files


def test_the_limits_of_a_service_are_files_of_its_own_group() -> None:
    found = plan(limits={"service": {"memory": "1M", "pids": 9}})
    assert found is not None
    assert found.together == (("memory.max", "1048576"), ("pids.max", "9"))
    # Not of the service's: the kernel would end all its programs for one.
    assert found.each == (("memory.oom.group", "1"),)


def test_without_such_a_key_there_is_not_a_group() -> None:
    assert plan(limits={"cpu": 5, "session": 9}) is None
    assert plan(require="cgroup") == GroupPlan()
    assert group_plan(Service(name="x", redirect="h:1", limits={"pids": 5})) is None


def test_what_is_to_be_kept_is_not_ended() -> None:
    for keys in ({"leftovers": "keep"}, {"wait": True}):
        found = plan(require="cgroup", **keys)
        assert found is not None
        assert not found.ends


def test_an_rlimit_is_what_it_says_with_groups_too() -> None:
    service = Service(name="x", server="/bin/cat", rlimit_as=5, limits={"memory": 7})
    assert memory_limit(service) is None
    assert group_plan(service) is None


def test_plans_with_other_limits_have_another_digest() -> None:
    one, two = plan(limits={"pids": 5}), plan(limits={"pids": 6})
    assert one is not None
    assert two is not None
    assert one.digest != two.digest
