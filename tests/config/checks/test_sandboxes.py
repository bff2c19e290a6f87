"""What `check` says of a table [sandbox] that this host, or the table itself, keeps from working."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from superd.config.checks.services import Host, check
from superd.service import Service

HOST = Host(lambda _: True, lambda _: True, lambda _: "", lambda _: True, (), True)
USERS: dict[str, Any] = {"preset": "strict", "dynamic_user": "5000-5009"}


def of(sandbox: dict[str, Any], name: str = "s", **keys: Any) -> Service:
    user = {"user": "nobody"} if "root" in sandbox else {}
    own = {"name": name, "server": "/usr/bin/prog", "listen": [f"unix:/run/{name}"], "sandbox": sandbox}
    return Service.model_validate(own | user | keys)


def said(*services: Service, host: Host = HOST) -> list[str]:
    found = check({service.name: service for service in services}, {}, host)
    return [f"{problem.severity.value}: {problem.message} | {problem.hint}" for problem in found]


@pytest.mark.parametrize(
    ("keys", "host", "words"),
    [
        ({"root": "/srv/jail"}, {"folder": lambda _: "does not exist"}, "`/srv/jail` does not exist | mkdir /srv/jail"),
        (
            {"root": "/srv/jail"},
            {"not_only_root": lambda _: "belongs to `bob`, not to root"},
            "is / for a program, and belongs to",
        ),
        ({"landlock": ["/lib"]}, {}, '`/usr/bin/prog` is not in it | add "/usr/bin"'),
        (
            {"landlock": ["/usr/bin/prog", "/lib"]},
            {"sandbox": lambda _: "no landlock"},
            "cannot do what `sandbox` says: no landlock",
        ),
        ({"ambient": "CAP_KILL"}, {"root": False}, "superd is not root, so that it cannot give capabilities"),
        (USERS, {"root": False}, "superd is not root, so that it cannot give each program a user of its own"),
        (USERS, {"account_in": lambda _: "bob"}, "`5000-5009` has the id of `bob`, a user of this host"),
    ],
)
def test_what_cannot_work_is_an_error(keys: dict[str, Any], host: dict[str, Any], words: str) -> None:
    found = said(of(keys, instances=5), host=replace(HOST, **host))
    assert [line.startswith("error: ") for line in found] == [True], found
    assert words in found[0]


def test_what_works_is_not_said() -> None:
    for keys in ({"root": "/srv/jail"}, {"landlock": ["/usr", "connect:443"]}, {"landlock": "connect:443"}, USERS):
        assert said(of(keys, instances=5)) == []
    assert said(of({"root": "/srv/jail"}, disable=True), host=replace(HOST, folder=lambda _: "does not exist")) == []


def test_the_program_of_a_service_with_a_root_is_looked_for_inside() -> None:
    seen: list[str] = []

    def look(path: str) -> str:
        seen.append(path)
        return ""

    host = replace(HOST, program=look, folder=look)
    assert said(of({"root": "/srv/jail"}, directory="/data"), host=host) == []
    assert {"/srv/jail/usr/bin/prog", "/srv/jail/data"} <= set(seen)


def test_a_terminal_needs_devices_in_the_root() -> None:
    host = replace(HOST, folder=lambda path: "does not exist" if path.endswith("/dev") else "")
    [line] = said(of({"root": "/srv/jail"}, stdio="pty"), host=host)
    assert "needs a folder `/srv/jail/dev`" in line


def test_more_programs_than_users_are_a_warning_and_shared_users_an_error() -> None:
    [line] = said(of(USERS, instances=10))
    assert line.startswith("warning: `5000-5009` has users for 9 programs")
    [line] = said(of(USERS, instances=9), of(USERS | {"dynamic_user": "5009-5020"}, "t", instances=9))
    assert line == "error: `5009-5020` overlaps the users of service `s` | give each service a range of its own"
    assert said(of(USERS, instances=9), of(USERS | {"dynamic_user": "5010-5020"}, "t", instances=9)) == []
