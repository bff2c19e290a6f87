"""This host's users and groups: passwd and group through the C library.

Runs in: master, in its reading child (a directory service can be slow), cli.
Never: decides who may do what.
"""

from __future__ import annotations

import grp
import os
import pwd
from functools import cache

from superd.launch_spec import Account, Accounts


def system_accounts() -> Accounts:
    """Return the look-ups. A decimal number is taken as it is; the gid of a uid that passwd does not know is the uid."""

    def user(name: str) -> Account:
        try:
            entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        except KeyError:
            if name.isdecimal():
                return Account(name, int(name), int(name))
            raise KeyError(name) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def group(name: str) -> int:
        try:
            return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
        except KeyError:
            raise KeyError(name) from None

    def groups_of(name: str, gid: int) -> tuple[int, ...]:
        return tuple(sorted(os.getgrouplist(name, gid)))

    # Cached for all services that have the same user: passwd read anew for each is half of a start with 1,000.
    return Accounts(cache(user), cache(group), cache(groups_of))
