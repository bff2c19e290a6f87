"""Users and groups of this host."""

from __future__ import annotations

import grp
import pwd

import pytest

from superd.launch_spec import Account
from superd.system.accounts import system_accounts


def test_names_and_numbers_and_what_nobody_knows() -> None:
    accounts = system_accounts()
    entry = pwd.getpwnam("daemon")
    assert accounts.user("daemon") == accounts.user(str(entry.pw_uid)) == Account("daemon", entry.pw_uid, entry.pw_gid)
    assert accounts.user("4294967") == Account("4294967", 4294967, 4294967)
    assert accounts.group("daemon") == grp.getgrnam("daemon").gr_gid
    assert accounts.group("77777") == 77777
    assert entry.pw_gid in accounts.groups_of("daemon", entry.pw_gid)
    for ask in (accounts.user, accounts.group):
        with pytest.raises(KeyError, match="not-here"):
            ask("not-here")
