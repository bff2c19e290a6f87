"""Names of [control] become numbers."""

from __future__ import annotations

import grp
import os
import pwd

from superd.load.operators import operators_of, unknown_operators
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


def test_unknown_words_are_named_but_not_the_default_group() -> None:
    assert unknown_operators(settings()) == []
    assert unknown_operators(settings(admins=["root", "nosuchuser"], viewers=["%nosuchgroup"])) == ["nosuchuser", "%nosuchgroup"]


def test_the_fronts_user_is_superds_own() -> None:
    found = operators_of(Settings(user="nobody"), ())
    assert found.own == ({pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else frozenset())
