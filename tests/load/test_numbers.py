"""Names of ports and RPC programs become numbers, or stay for the checks to report."""

from __future__ import annotations

import pytest

from superd.load.numbers import port_number, resolved, user_number, with_port
from superd.redirect import Redirect
from superd.service import Service


class Tables:
    """/etc/rpc of a host."""

    def read(self, path: str) -> bytes:
        if path != "/etc/rpc":
            raise FileNotFoundError(path)
        return b"rusersd 100002 rusers\n"

    def list(self, path: str) -> list[str]:
        raise FileNotFoundError(path)


@pytest.mark.parametrize(
    ("keys", "port"),
    [
        ({"port": "echo"}, 7),
        ({"port": "7001"}, 7001),
        ({}, 7),
        ({"service": "time", "socket_type": "dgram"}, 37),
        ({"port": "no-such-service"}, "no-such-service"),
        ({"listen": "127.0.0.1:1"}, None),
        ({"type": "TCPMUX"}, None),
        ({"type": ["rpc"]}, 0),
        ({"service": "no-such-service"}, None),
        ({"service": 5}, 7),
    ],
)
def test_the_port_of_a_service_is_its_own_or_its_names(keys: dict[str, object], port: object) -> None:
    assert with_port("echo", keys).get("port") == port


def test_a_redirect_and_an_rpc_program_get_numbers_too() -> None:
    service = Service.model_validate({"name": "a", "redirect": "[::1]:daytime", "port": "echo"})
    assert (resolved(service, Tables()).redirect, resolved(service, Tables()).port) == (Redirect("::1", 13), 7)
    rpc = Service.model_validate({"name": "rusersd", "type": "RPC", "server": "/bin/cat", "rpc_version": "1"})
    assert resolved(rpc, Tables()).rpc_number == 100002
    assert resolved(rpc.model_copy(update={"service": "unknown"}), Tables()).rpc_number is None
    assert port_number("discard", "udp") == 9


def test_users_and_groups_of_an_address_list_get_numbers_where_they_exist() -> None:
    words = ("uid:root", "gid:root", "UID:17", "uid:no-such-user", "10.0.0.0/8")
    assert tuple(map(user_number, words)) == ("uid:0", "gid:0", "UID:17", "uid:no-such-user", "10.0.0.0/8")
