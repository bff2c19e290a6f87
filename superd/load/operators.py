"""Users and groups of ``[control]`` as numbers.

Runs in: master's reading child, because a directory service can be slow. Never: lets an unknown name count as somebody.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from superd.load.privilege import front_of
from superd.operators import Operators
from superd.system.accounts import gid_of, uid_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.service import Service
    from superd.settings import Settings

GROUP = "%"
"""What a group's name begins with, as in sudoers(5)."""


def operators_of(settings: Settings, services: Iterable[Service]) -> Operators:
    """Return who may use the control socket. Names that this host does not know are nobody's."""
    control = settings.control
    front = front_of(settings, services)
    return Operators(
        admins=frozenset({0, os.geteuid()}) | _users(control.admins),
        admin_groups=_groups(control.admins),
        viewers=_users(control.viewers),
        viewer_groups=_groups(control.viewers),
        own=frozenset({front.uid}) if front is not None else frozenset(),
    )


def unknown_operators(settings: Settings) -> list[str]:
    """Return the words of ``[control]`` that name no user or group of this host. The default group may be missing."""
    control = settings.control
    given = [word for key in ("admins", "viewers") if key in control.model_fields_set for word in getattr(control, key)]
    return [word for word in given if not (_groups([word]) if word.startswith(GROUP) else _users([word]))]


def _users(words: Iterable[str]) -> frozenset[int]:
    return frozenset(uid for word in words if not word.startswith(GROUP) for uid in _number(uid_of, word))


def _groups(words: Iterable[str]) -> frozenset[int]:
    return frozenset(gid for word in words if word.startswith(GROUP) for gid in _number(gid_of, word[1:]))


def _number(look: object, name: str) -> tuple[int, ...]:
    assert callable(look)
    try:
        return (look(name),)
    except KeyError:
        return ()
