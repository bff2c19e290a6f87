"""Who a program and the front would be, where superd runs as root."""

from __future__ import annotations

import pwd
from typing import Any

import pytest

from superd.load.privilege import check_users
from superd.load.settings import Main
from superd.problem import Origin
from superd.service import Service
from superd.settings import Settings

PLACES = {("a", ""): Origin("a.toml", 1), ("a", "server"): Origin("a.toml", 2), ("a", "user"): Origin("a.toml", 3)}


def found(keys: dict[str, Any], *, front: str = "daemon", foreign: bool = False) -> list[tuple[int, str, str]]:
    service = Service.model_validate({"name": "a", "port": 1, **keys})
    files = frozenset({"a.toml"}) if foreign else frozenset()
    problems = check_users(Main(path="s.toml", settings=Settings(user=front)), {"a": service}, PLACES, files)
    return [(problem.origin.line, problem.message, problem.hint) for problem in problems]


def test_a_native_program_names_its_user_and_a_foreign_one_need_not() -> None:
    message = "`user` is missing: `/bin/cat` would run as root"
    assert found({"server": "/bin/cat"}) == [(2, message, 'add `user = "nobody"`, or `user = "root"` if it must be root')]
    for fine in ({"server": "/bin/cat", "user": "root"}, {"server": "/bin/cat", "user": "nobody"}, {"redirect": "h:1"}):
        assert found(fine) == []
    assert found({"type": "INTERNAL", "service": "echo"}) == []
    assert found({"server": "/bin/cat"}, foreign=True) == []


@pytest.mark.parametrize("user", ["daemon", str(pwd.getpwnam("daemon").pw_uid)])
def test_a_program_may_not_be_the_fronts_user(user: str) -> None:
    ((line, message, _),) = found({"server": "/bin/cat", "user": user})
    assert line == 3
    assert message == f"`{user}` is the user of superd's own front, which a program of this user could end"
    assert found({"server": "/bin/cat", "user": "nobody"}, front="no-such-user") == []


def test_a_front_that_is_root_by_another_name_is_refused() -> None:
    ((_, message, hint),) = found({"server": "/bin/cat", "user": "nobody"}, front="0")
    assert (message, hint) == ("`user`: the front must not run as `root`", 'user = "superd"')
