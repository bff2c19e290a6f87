"""Namespaces of one's own: what is shared before is not shared afterwards."""

from __future__ import annotations

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
