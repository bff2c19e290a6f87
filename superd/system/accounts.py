"""What: users and groups of this host, by name or by number.

Runs in: master, mostly in its reading child, because NIS or LDAP can be slow; cli. Never: decides who may do something.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from functools import cache

from superd.launch_spec import Account, Accounts


def account(name: str) -> Account:
    """Return the user of this name, or of this decimal uid; one that passwd does not know has its uid as gid.

    Raises ``KeyError`` for an unknown name.
    """
    try:
        entry = pwd.getpwuid(int(name)) if is_number(name) else pwd.getpwnam(name)
    except KeyError:
        if is_number(name):
            return Account(name, int(name), int(name))
        raise KeyError(name) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir or "/", entry.pw_shell or "/bin/sh")


def uid_of(name: str) -> int:
    """Return the uid of a user or of a decimal number. Raises ``KeyError``."""
    return account(name).uid


def gid_of(name: str) -> int:
    """Return the gid of a group or of a decimal number. Raises ``KeyError``."""
    try:
        return int(name) if is_number(name) else grp.getgrnam(name).gr_gid
    except KeyError:
        raise KeyError(name) from None


def groups_of(name: str, gid: int) -> tuple[int, ...]:
    """Return all groups of a user, ``gid`` among them."""
    return tuple(sorted(os.getgrouplist(name, gid)))


def is_number(name: str) -> bool:
    """Whether the name is a uid or gid that the kernel takes; the last one means "leave it" there."""
    return name.isascii() and name.isdecimal() and len(name) <= 10 and int(name) < (1 << 32) - 1


def known_user(name: str) -> bool:
    """Whether there is such a user. Every number counts as one."""
    return _known(lambda: uid_of(name))


def known_group(name: str) -> bool:
    """Whether there is such a group. Every number counts as one."""
    return _known(lambda: gid_of(name))


def _known(look: Callable[[], int]) -> bool:
    try:
        look()
    except KeyError:
        return False
    return True


def user_names() -> tuple[str, ...]:
    """Return the names of all users that can be listed."""
    return tuple(entry.pw_name for entry in pwd.getpwall())


def account_in(users: range) -> str:
    """Return the name of a user, or of superd's front where it has only a number, whose id is one of ``users``, or ``""``."""
    if any(uid in users for uid in FRONT_UIDS):
        return "superd's front"
    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid in users), "")


def names_of(uid: int) -> frozenset[str]:
    """Return everything that a configuration can call this user: the number and each name."""
    return frozenset({str(uid), *(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid)})


def system_accounts() -> Accounts:
    """Return the look-ups that identities need, each asked once: reading passwd anew for 1,000 services is half of a start."""
    return Accounts(cache(account), cache(gid_of), cache(groups_of))


FRONT_UIDS = range(65533, 65519, -1)
"""Uids that neither distributions nor systemd give away (Debian policy 9.2.2, systemd's UIDS-GIDS): one is the front's own."""


def front_account(user: str, taken: frozenset[int]) -> Account:
    """Return who the front is: ``user``; where that user does not exist a uid that no other process has.

    ``nobody`` would be shared with other programs of that user, which could signal the front. ``taken`` are the uids of
    services. Raises ``KeyError`` where not even such a uid can be had.
    """
    try:
        return account(user)
    except KeyError:
        pass
    for uid in FRONT_UIDS:
        if uid not in taken and is_mapped(uid) and _free(uid):
            return Account(f"uid {uid}", uid, uid)
    return account("nobody")


def _free(uid: int) -> bool:
    for look in (pwd.getpwuid, grp.getgrgid):
        try:
            look(uid)
        except KeyError:
            continue
        return False
    return True


def is_mapped(uid: int) -> bool:
    """Whether a process of this user namespace can have the uid."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            ranges = [tuple(map(int, line.split())) for line in file]
    except OSError:
        return True  # no /proc: the attempt will tell
    return any(first <= uid < first + count for first, _, count in ranges)
