"""Names of [control] become numbers."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from superd.load.operators import check_operators, operators_of
from superd.load.registry import load
from superd.load.sources import Sources
from superd.problem import Origin
from superd.settings import Settings

GROUP, USER = grp.getgrgid(0).gr_name, pwd.getpwuid(1)


def settings(**control: list[str]) -> Settings:
    return Settings.model_validate({"control": control})


def test_root_and_superds_own_user_are_always_admins() -> None:
    assert operators_of(settings(), ()).admins == {0, os.geteuid()}


def test_users_groups_and_numbers_are_known_and_unknown_names_are_nobodys() -> None:
    found = operators_of(settings(admins=[USER.pw_name, "%" + GROUP, "nosuchuser", "%nosuchgroup"], viewers=["4711"]), ())
    assert found.admins == {0, os.geteuid(), USER.pw_uid}
    assert found.admin_groups == {0}
    assert found.viewers == {4711}
    assert found.viewer_groups == frozenset()


def test_unknown_words_are_warnings_at_their_line_but_not_the_default_group() -> None:
    assert check_operators(settings(), {}, "superd.toml") == []
    given = settings(admins=["root", "nosuchuser", "%" + GROUP], viewers=["%nosuchgroup"])
    found = check_operators(given, {"control.viewers": Origin("superd.toml", 7)}, "superd.toml")
    assert [(problem.message, problem.origin.line) for problem in found] == [
        ("`admins`: user `nosuchuser` does not exist", 0),
        ("`viewers`: group `nosuchgroup` does not exist", 7),
    ]
    assert found[-1].hint == "groupadd nosuchgroup"


def test_a_group_without_its_sign_is_known() -> None:
    users = {user.pw_name for user in pwd.getpwall()}
    group = next(group.gr_name for group in grp.getgrall() if group.gr_name not in users)
    (found,) = check_operators(settings(admins=[group]), {}, "superd.toml")
    assert found.hint == f'write `"%{group}"`: that is the group'


def test_superd_check_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "superd.toml"
    file.write_text('[control]\nviewers = ["nosuchuser"]\n')
    _, problems = load(Sources(str(file)))
    assert f"{file}:2" in {str(problem.origin) for problem in problems if "nosuchuser" in problem.message}


def test_the_fronts_user_is_superds_own() -> None:
    found = operators_of(Settings(user="nobody"), ())
    assert found.own == ({pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else frozenset())
