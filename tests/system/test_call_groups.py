"""Groups of system calls that are refused: each of their calls fails, and everything else works."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess

import pytest

from superd.sandbox import CALL_GROUPS
from superd.system import call_groups
from tests.in_child import in_child

NATIVE = {"x86_64": 0, "aarch64": 1}.get(os.uname().machine, -1)


def failures(groups: list[str]) -> dict[str, int]:
    """The error of each call of the groups, called with arguments that no call can mean."""
    libc = ctypes.CDLL(None, use_errno=True)
    call_groups.refuse(groups)
    found = {}
    for group in groups:
        for name, numbers in call_groups.GROUPS[group].items():
            if numbers[NATIVE] >= 0:
                libc.syscall(numbers[NATIVE], -1, -1, -1, -1, -1, -1)
                found[name] = ctypes.get_errno()
    return found


def test_the_words_of_the_files_are_those_that_have_members() -> None:
    assert set(CALL_GROUPS) == set(call_groups.GROUPS)


@pytest.mark.parametrize("group", CALL_GROUPS)
def test_each_call_of_a_group_fails_with_eperm(group: str) -> None:
    found = in_child(lambda: failures([group]))
    assert set(found.values()) <= {errno.EPERM}
    assert found


def test_the_groups_leave_an_ordinary_program_alone() -> None:
    def run() -> list[str]:
        call_groups.refuse([group for group in CALL_GROUPS if group != "@network-io"])
        with socket.create_server(("127.0.0.1", 0)):
            return [subprocess.run(["/bin/echo", "hi"], capture_output=True, text=True, check=True).stdout]

    assert in_child(run) == ["hi\n"]


def test_no_namespace_is_made_by_clone_either() -> None:
    def run() -> list[int]:
        call_groups.refuse(["@namespaces"])
        libc = ctypes.CDLL(None, use_errno=True)
        found = []
        for number in (call_groups._CLONE[NATIVE], call_groups._CLONE3):
            libc.syscall(number, 0x10000000, 0, 0, 0, 0)
            found.append(ctypes.get_errno())
        return found

    assert in_child(run) == [errno.EPERM, errno.ENOSYS]


def test_every_jump_of_the_filter_stays_inside() -> None:
    for column, arch in call_groups._MACHINES.values():
        code = call_groups.program_of(list(CALL_GROUPS), column, arch)
        lines = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
        assert all(at + 1 + max(yes, no) < len(lines) for at, (_, yes, no, _) in enumerate(lines) if yes or no)
