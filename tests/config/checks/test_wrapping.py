"""Services that the wrappers do not guard as they seem to."""

from __future__ import annotations

import pytest

from superd.config.checks.wrapping import check_wrapping
from superd.config.toml.service_file import make_service
from superd.problem import Origin
from superd.service import Service


def service(**keys: object) -> Service:
    made, problems = make_service("one", {"listen": ["127.0.0.1:7001"], **keys}, {}, Origin("one.toml"))
    assert made is not None, problems
    return made


def said(found: Service, mode: int = 0o755) -> list[str]:
    return [
        f"{one.origin}: {one.message}"
        for one in check_wrapping({"one": found}, {("one", ""): Origin("one.toml", 1)}, lambda _: mode)
    ]


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"server": "/usr/sbin/tcpd"}, "once more"),
        ({"server": "/usr/sbin/rpc.rexd"}, "insecure"),
        ({"server": "/usr/sbin/sshd", "wait": True}, "superd sees none of them"),
    ],
)
def test_each_is_named_with_its_place(keys: dict[str, object], part: str) -> None:
    (line,) = said(service(**keys))
    assert line.startswith("one.toml:1: ")
    assert part in line


def test_a_program_that_users_can_start_with_its_own_rights_is_named() -> None:
    assert said(service(server="/bin/su"), 0o104755) == [
        "one.toml:1: `/bin/su` is set-uid or set-gid: users of this host can start it themselves"
    ]


def test_a_rule_that_refuses_clients_without_an_address_is_an_error() -> None:
    found = service(server="/usr/bin/Xvnc", wait=True)
    (problem,) = check_wrapping({"one": found}, {}, lambda _: 0o755, lambda _: "hosts.deny:1")
    assert (problem.severity.value, "hosts.deny:1 names `Xvnc`" in problem.message) == ("error", True)


def test_other_services_are_left_alone() -> None:
    assert said(service(server="/bin/cat")) == []
    assert said(service(type="INTERNAL", service="echo")) == []
    assert said(service(server="/usr/sbin/tcpd", flags=["NOLIBWRAP"])) == []
    assert said(service(server="/usr/sbin/in.tftpd", socket_type="dgram", wait=True)) == []
