"""Users and groups of this host."""

from __future__ import annotations

import os
import pwd

import pytest

from superd.launch_spec import Account
from superd.system import accounts


def test_a_user_is_found_by_name_and_by_number_and_an_unknown_number_is_its_own_group() -> None:
    nobody = pwd.getpwnam("nobody")
    assert accounts.account("nobody") == Account("nobody", nobody.pw_uid, nobody.pw_gid)
    assert accounts.account(str(nobody.pw_uid)) == Account("nobody", nobody.pw_uid, nobody.pw_gid)
    assert accounts.account("54321") == Account("54321", 54321, 54321)
    for unknown in ("no-such-user", "4294967295", "99999999999", "-1", "٣"):
        with pytest.raises(KeyError, match=unknown):
            accounts.account(unknown)


def test_names_and_numbers_are_known_or_not() -> None:
    assert [accounts.known_user(name) for name in ("root", "0", "54321", "no-such-user")] == [True, True, True, False]
    assert [accounts.known_group(name) for name in ("root", "0", "54321", "no-such-group")] == [True, True, True, False]
    assert "root" in accounts.user_names()
    assert {"0", "root"} <= accounts.names_of(0)
    assert accounts.groups_of("root", 7) == tuple(sorted(os.getgrouplist("root", 7)))
    look = accounts.system_accounts()
    assert (look.user("root"), look.group("root"), 0 in look.groups_of("root", 0)) == (Account("root", 0, 0), 0, True)


def test_the_front_is_its_user_or_a_uid_of_its_own() -> None:
    assert accounts.front_account("daemon", frozenset()).name == "daemon"
    assert accounts.front_account("no-such-user", frozenset()) == Account("uid 65533", 65533, 65533)
    assert accounts.front_account("no-such-user", frozenset({65533})) == Account("uid 65532", 65532, 65532)
    assert accounts.front_account("no-such-user", frozenset(accounts.FRONT_UIDS)).name == "nobody"


def test_a_range_of_users_names_who_has_one_of_them() -> None:
    nobody = pwd.getpwnam("nobody")
    assert accounts.account_in(range(nobody.pw_uid, nobody.pw_uid + 2)) == "nobody"
    assert accounts.account_in(range(65530, 65534)) == "superd's front"
    assert accounts.account_in(range(1879048192, 1879049192)) == ""
