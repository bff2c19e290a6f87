"""A plan is carried out whole or not at all, and a host that cannot do it is found by trying."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from superd.sandbox import Sandbox, plan_of
from superd.system import namespaces
from superd.system.sandboxing import Sandboxing, fault
from superd.system.seccomp import install
from tests.in_child import in_child
from tests.needs import needs_root


def refuse_call(number: int, failure: int) -> None:
    """Let this process's kernel not have a system call."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | failure), (0x06, 0, 0, 0x7FFF0000)]
    install(b"".join(struct.pack("HBBI", *line) for line in code))


def plan(**keys: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(plan_of(Sandbox.model_validate(keys), "s"))
    return made


def status() -> dict[str, str]:
    with open("/proc/self/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@pytest.mark.parametrize(
    "keys",
    [
        {"no_new_privs": True}, {"capabilities": []}, {"ambient": "CAP_NET_RAW"}, {"private_tmp": "1M"}, {"read_only": "/"},
        {"hide": "/home"}, {"private_network": True}, {"private_pids": True}, {"private_ipc": True}, {"seccomp": "default"},
        {"preset": "strict"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("root", [True, False])
def test_each_key_can_be_done_here_by_root_and_by_a_user(keys: dict[str, Any], root: bool) -> None:
    needs_root()

    def look() -> str:
        if not root:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        return fault(plan(**keys))

    refused = {"capabilities": "prctl(24): Operation not permitted", "ambient": "only root can give capabilities"}
    assert in_child(look) == ("" if root else refused.get(next(iter(keys)), ""))


def test_what_the_host_cannot_do_is_said() -> None:
    assert fault(plan(hide="/no/such/file")).endswith("`/no/such/file` does not exist, so it cannot be hidden") or os.geteuid()


def test_a_part_that_fails_leaves_nothing_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(flags: int) -> None:
        raise PermissionError(1, "unshare: Operation not permitted")

    monkeypatch.setattr(namespaces, "unshare", refused)
    for key in ("private_ipc", "private_network"):
        with pytest.raises(PermissionError, match="unshare"):
            Sandboxing(plan(**{key: True})).as_root()
    assert fault(plan(private_ipc=True)) == "unshare: Operation not permitted"


USERS = "1879048192-1879048200"


def test_landlock_and_a_folder_as_root_can_be_done_here_by_root_and_by_a_user(tmp_path: Path) -> None:
    needs_root()
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    for name in ("proc", "dev"):
        tmp_path.joinpath(name).mkdir()

    def look() -> list[str]:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        return [fault(plan(**keys)) for keys in several]

    several: list[dict[str, Any]] = [
        {"landlock": ["/usr", "rw:/tmp", "connect:443", "-/no/such"]}, {"root": str(tmp_path)},
        {"preset": "strict", "root": str(tmp_path), "landlock": ["/"]},
    ]  # fmt: skip
    assert [fault(plan(**keys)) for keys in several] == ["", "", ""]
    assert in_child(look) == ["", "", ""]


def test_users_of_programs_are_for_root_to_give() -> None:
    needs_root()

    def look() -> str:
        os.setresuid(65534, 65534, 65534)
        return fault(plan(preset="strict", dynamic_user=USERS))

    assert fault(plan(preset="strict", dynamic_user=USERS)) == ""
    assert in_child(look) == "only root can give each program a user of its own"


def test_a_kernel_without_landlock_or_user_namespaces_is_said() -> None:
    needs_root()

    def look() -> list[str]:
        refuse_call(landlock_create := 444, errno.ENOSYS)
        found = [fault(plan(landlock=["/usr"]))]
        refuse_call(272, errno.ENOSPC)  # unshare, as where user.max_user_namespaces is 0
        assert landlock_create
        return [*found, fault(plan(preset="strict", dynamic_user=USERS)), fault(plan(root="/srv"))]

    assert in_child(look) == [
        "this kernel has no landlock", "unshare: No space left on device", "unshare: No space left on device",
    ]  # fmt: skip


def test_no_new_privs_and_the_bounding_set_hold_for_good() -> None:
    needs_root()

    def confine() -> list[str]:
        sandboxing = Sandboxing(plan(no_new_privs=True, capabilities=["CAP_NET_RAW"]))
        sandboxing.as_root()
        sandboxing.for_good(was_root=True)
        found = status()
        return [found["NoNewPrivs"], found["CapBnd"].lstrip("0")]

    assert in_child(confine) == ["1", "2000"]
