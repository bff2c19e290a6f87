"""Namespaces of one's own: what is shared before is not shared afterwards."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from superd.system import namespaces
from tests.in_child import in_child
from tests.needs import needs_root


@pytest.mark.parametrize(
    ("flag", "name"), [(namespaces.NEW_MOUNTS, "mnt"), (namespaces.NEW_IPC, "ipc"), (namespaces.NEW_NETWORK, "net")]
)
def test_a_namespace_that_was_left_is_another(flag: int, name: str) -> None:
    needs_root()

    def leave() -> list[str]:
        before = os.readlink(f"/proc/self/ns/{name}")
        namespaces.unshare(flag)
        return [before, os.readlink(f"/proc/self/ns/{name}")]

    before, after = in_child(leave)
    assert before != after


def test_an_ordinary_user_has_its_own_users_and_may_then_make_others() -> None:
    needs_root()

    def enter() -> list[int]:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        namespaces.own_users()
        namespaces.unshare(namespaces.NEW_MOUNTS)
        return [os.getuid(), os.getgid()]

    assert in_child(enter) == [65534, 65534]


def test_a_network_of_its_own_has_a_loopback_that_works() -> None:
    needs_root()

    def talk() -> list[str]:
        namespaces.own_network()
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return [name for _, name in socket.if_nameindex()]

    assert in_child(talk) == ["lo"]


def test_what_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(AssertionError, match="unshare: Invalid argument"):
        in_child(lambda: namespaces.unshare(1))


def test_a_range_of_users_is_all_that_a_process_can_become() -> None:
    needs_root()

    def enter() -> list[object]:
        users = namespaces.UserMap(5000, 5002)
        os.setgroups([])
        os.setresgid(5000, 5000, 5000)
        os.setresuid(5000, 5000, 5000)
        users.enter()
        refused = []
        for uid in (0, 4999, 5003, 65534):
            try:
                os.setresuid(uid, uid, uid)
            except OSError as problem:
                refused.append(problem.errno == errno.EINVAL)
        os.setresgid(5002, 5002, 5002)
        os.setresuid(5002, 5002, 5002)
        return [refused, os.getresuid(), os.getresgid()]

    assert in_child(enter) == [[True] * 4, [5002] * 3, [5002] * 3]


def test_a_map_that_is_not_written_leaves_no_child() -> None:
    needs_root()

    def give_up() -> bool:
        users = namespaces.UserMap(5000, 5002)
        os.setresuid(5000, 5000, 5000)
        try:
            with pytest.raises(OSError, match="refused"):
                namespaces.unshare, kept = refused, namespaces.unshare
                users.enter()
        finally:
            namespaces.unshare = kept
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, 0)
        return True

    def refused(flags: int) -> None:
        raise OSError(errno.EPERM, "refused")

    assert in_child(give_up)


def test_a_user_without_a_process_is_free() -> None:
    needs_root()
    assert namespaces.has_process(os.getuid())
    assert not namespaces.has_process(1879048199)
